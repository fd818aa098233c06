import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { sizeBy } from '../cli/evaluate/backtest.ts'
import { baselines } from '../cli/evaluate/baselines.ts'
import { type Ledger, ledger, type MethodScore } from '../cli/evaluate/ledger.ts'
import type { LocalPair } from '../cli/evaluate/local-pair.ts'
import { queryOf, recordOf } from '../cli/evaluate/records.ts'
import { wastageOf } from '../cli/evaluate/report-table.ts'
import { defaultPair } from '../cli/evaluate/timed-pair.ts'
import { readTrace, type TraceRow } from '../cli/evaluate/trace.ts'
import { readNaming } from '../cli/histories/naming.ts'

/**
 * What failing less often costs: for each trace the share of the executions that failed against the wastage, of foresize
 * over its risk and of the usual ways to size. A Markdown table; wastage in that of the best of the usual ways. The need
 * is known at once, so that what is learned is the same at every risk.
 */
const { values } = parseArgs({
  options: {
    traces: { type: 'string', default: fileURLToPath(new URL('../../shared/traces', import.meta.url)) },
    only: { type: 'string', default: '' },
    limit: { type: 'string', default: '12000' },
  },
})

const risks = [0, 0.25, 0.5, 0.75, 1]
const options = { timeToFailure: 1, capBytes: 1e13 }
const defaultBytes = 4e9
/** Traces whose input sizes leak: bytes read during the run. */
const leaking = /^sizey_/

type SizedRow = TraceRow & { readonly peakMemoryBytes: number }
const isSized = (row: TraceRow): row is SizedRow => (row.peakMemoryBytes ?? 0) > 0
const hoursOf = ({ durationMs = 0 }: TraceRow) => durationMs / 3_600_000

interface Frontier {
  readonly trace: string
  readonly executions: number
  readonly own: readonly MethodScore[]
  /** Undefined: nobody requested anything, so the request is no way to size. */
  readonly usual: readonly (MethodScore | undefined)[]
}

if (!existsSync(values.traces)) {
  process.stderr.write(`no traces at ${values.traces}: name their folder with --traces\n`)
  process.exit(1)
}
const found: Frontier[] = []
for (const name of readdirSync(values.traces).sort()) {
  if (!/\.csv(\.gz)?$/.test(name) || name.startsWith('ts_') || !name.includes(values.only)) continue
  const path = join(values.traces, name)
  const naming = readNaming({ values: { 'ignore-input': leaking.test(name) } })
  const { rows } = await readTrace(path, { format: 'trace', naming }, Number(values.limit))
  const completed = rows.filter(({ completed }) => completed)
  if (!completed.some(isSized)) continue
  found.push(frontierOf(basename(path).replace(/\.csv(\.gz)?$/, ''), completed))
  process.stderr.write(`${name}\n`)
}
process.stdout.write(markdown(found))

function frontierOf(trace: string, rows: readonly TraceRow[]): Frontier {
  const pair = defaultPair(defaultBytes)
  const rivals = baselines.map((make) => make(({ requestedMemoryBytes: asked }) => asked || defaultBytes))
  const own = risks.map(() => ledger(options))
  const usual = rivals.map(() => ledger(options))
  for (const [i, row] of rows.entries()) {
    if (isSized(row)) {
      for (const [at, book] of own.entries()) play(pair, row, risks[at] as number, book)
      for (const [at, rival] of rivals.entries()) sizeBy(rival, row, usual[at] as Ledger, options)
    }
    pair.report(recordOf(row, `${trace}-${i}`, true), 0)
    if (isSized(row)) for (const rival of rivals) rival.observe(row, row.peakMemoryBytes)
  }
  const timed = rows.some(({ durationMs }) => durationMs !== undefined)
  const hasRequests = rows.some(({ requestedMemoryBytes }) => requestedMemoryBytes !== undefined)
  return {
    trace,
    executions: rows.filter(isSized).length,
    own: own.map((book) => book.score(timed)),
    usual: usual.map((book, i) =>
      hasRequests || rivals[i]?.name !== 'request' ? book.score(timed) : undefined,
    ),
  }
}

function play(pair: LocalPair, row: SizedRow, risk: number, book: Ledger): void {
  const policy = { risk, max: { memoryBytes: options.capBytes } }
  const execution = book.begin(row.peakMemoryBytes, hoursOf(row))
  let failed: number | undefined
  for (let attempt = 1; ; attempt++) {
    const { resources } = pair.estimate(queryOf(row, policy, true, attempt, failed))
    const given = Math.min(resources.memoryBytes ?? defaultBytes, options.capBytes)
    if (execution.attempt(given)) return
    failed = given
  }
}

function markdown(frontiers: readonly Frontier[]): string {
  const rivals = baselines.map((make) => make(() => 0).name)
  const heads = ['trace', ...risks.map((risk) => `risk ${risk}`), ...rivals]
  const lines = frontiers.map(({ trace, executions, own, usual }) => {
    const best = Math.min(...usual.flatMap((score) => (score === undefined ? [] : wastageOf(score))))
    const cells = [...own, ...usual].map((score) => {
      if (score === undefined) return ''
      const failed = (100 * score.failed_executions) / executions
      return `${failed.toFixed(1)} / ${(wastageOf(score) / best).toFixed(2)}`
    })
    return [trace, ...cells]
  })
  return [heads, heads.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}
