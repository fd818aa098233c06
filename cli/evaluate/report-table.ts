import { counted } from '../../shared/domain/quantity-text.ts'
import { formatShare } from '../quantity.ts'
import { type Column, table } from '../table.ts'
import type { TraceScore } from './backtest.ts'
import type { DistanceScore } from './jump.ts'
import type { MethodScore } from './ledger.ts'

type Row = readonly [name: string, score: MethodScore]

/** For a person: the methods of one trace, least waste first, then how good the answers were. */
export function describeTrace(score: TraceScore, width: number | undefined): string {
  const { trace, executions, used_gb, used_gb_hours, methods } = score
  const used =
    used_gb_hours === null
      ? `${figure(used_gb)} GB used (no run times)`
      : `${figure(used_gb_hours)} GB·h used`
  const head = `${trace}: ${counted(executions, 'execution')}, ${used}\n`
  if (executions === 0) return `${head}${describeAnswers(score)}\n`
  const rows = Object.entries(methods).sort(([, a], [, b]) => wastageOf(a) - wastageOf(b))
  return `${head}\n${table(columnsOf(executions, used_gb_hours ?? used_gb), rows, width)}\n${describeAnswers(score)}${describeJumps(score.jump, width)}\n`
}

export const wastageOf = ({ wastage_gb_hours, wastage_gb }: MethodScore) => wastage_gb_hours ?? wastage_gb

function columnsOf(executions: number, used: number): readonly Column<Row>[] {
  return [
    { title: 'method', value: ([name]) => name },
    { title: 'wasted', align: 'right', value: ([, score]) => figure(wastageOf(score)) },
    { title: 'per used', align: 'right', value: ([, score]) => figure(wastageOf(score) / used) },
    { title: 'failures', align: 'right', value: ([, { failures }]) => String(failures) },
    {
      title: 'failed',
      align: 'right',
      value: ([, { failed_executions }]) => `${((100 * failed_executions) / executions).toFixed(1)} %`,
    },
    {
      title: 'given / used',
      align: 'right',
      value: ([, { median_over_allocation }]) => figure(median_over_allocation),
    },
  ]
}

function describeAnswers({ confidence, duration, cpu, estimate_us, update_us }: TraceScore): string {
  const lines: string[] = []
  if (confidence !== null) {
    lines.push(
      `confidence: off by ${figure(confidence.ece)} on average (ECE), Brier ${figure(confidence.brier)} (always the base rate: ${figure(confidence.brier_base_rate)})`,
    )
  }
  for (const [name, score] of [
    ['time', duration],
    ['cpu', cpu],
  ] as const) {
    if (score === null) continue
    lines.push(
      `${name}: median error ${formatShare(score.mdape)}, off by more than 2 × in ${formatShare(score.off_by_2x)}`,
    )
  }
  if (estimate_us !== null) {
    lines.push(`an estimate takes ${figure(estimate_us.p50)} µs (99 %: ${figure(estimate_us.p99)} µs)`)
  }
  if (update_us !== null) {
    lines.push(`an update takes ${figure(update_us.p50)} µs (99 %: ${figure(update_us.p99)} µs)`)
  }
  return lines.map((line) => `${line}\n`).join('')
}

/** Asked of the larger half of each task after its smaller half was learned. */
function describeJumps(scores: readonly DistanceScore[] | undefined, width: number | undefined): string {
  if (scores === undefined) return ''
  if (scores.length === 0)
    return 'beyond the inputs learned: no task has 40 executions with input_bytes that differ\n'
  const columns: readonly Column<DistanceScore>[] = [
    { title: 'input, of the largest learned', value: distanceText },
    { title: 'answers', align: 'right', value: ({ asked }) => String(asked) },
    { title: 'sufficed', align: 'right', value: ({ sufficed }) => formatShare(sufficed) },
    { title: 'promised', align: 'right', value: ({ promised }) => formatShare(promised) },
    {
      title: 'given / used',
      align: 'right',
      value: ({ median_given_per_need }) => figure(median_given_per_need),
    },
  ]
  return `\n${table(columns, scores, width)}`
}

export const distanceText = ({ above, up_to }: DistanceScore): string =>
  up_to === null ? `above ${above} ×` : `${above} to ${up_to} ×`

/** Three significant digits, no exponent. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–'
  if (value === 0) return '0'
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return digits === 0 ? Math.round(value).toLocaleString('en-US') : value.toFixed(Math.min(digits, 6))
}
