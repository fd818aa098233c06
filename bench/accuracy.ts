import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type BacktestOptions, backtest, type TraceScore } from '../cli/evaluate/backtest.ts'
import { baselineNames } from '../cli/evaluate/baselines.ts'
import type { MethodScore } from '../cli/evaluate/ledger.ts'
import { figure, wastageOf } from '../cli/evaluate/report-table.ts'
import { defaultPair, timedPair, warmUp } from '../cli/evaluate/timed-pair.ts'
import { readTrace } from '../cli/evaluate/trace.ts'
import { readNaming } from '../cli/histories/naming.ts'
import { table } from '../cli/table.ts'

/**
 * foresize against the best of the usual ways to size, on every trace of a folder: wastage as a ratio (below 1 is less),
 * failures, calibration, time, CPU, speed. A trace whose `input_bytes` was measured during the run is read without it.
 */
const { values } = parseArgs({
  options: {
    traces: { type: 'string', default: fileURLToPath(new URL('../../shared/traces', import.meta.url)) },
    only: { type: 'string', default: '' },
    feedback: { type: 'string', default: 'immediate' },
    limit: { type: 'string', default: '12000' },
    risk: { type: 'string', default: '0.5' },
    json: { type: 'boolean', default: false },
  },
})

/** Traces whose input sizes leak: bytes read during the run. */
const leaking = /^sizey_/

if (!existsSync(values.traces)) {
  process.stderr.write(`no traces at ${values.traces}: name their folder with --traces\n`)
  process.exit(1)
}

const options: BacktestOptions = {
  feedback: values.feedback === 'completion' ? 'completion' : 'immediate',
  timeToFailure: 1,
  capBytes: 1e13,
  coldStart: 'request',
  defaultBytes: 4e9,
  risk: Number(values.risk),
  strategies: [],
  probe: false,
}

interface Row {
  readonly score: TraceScore
  readonly own: MethodScore
  readonly best: readonly [string, MethodScore]
  readonly ratio: number
}

const rows: Row[] = []
warmUp()
for (const path of traceFiles()) {
  const name = basename(path)
  const naming = readNaming({ values: { 'ignore-input': leaking.test(name) } })
  const { rows: trace } = await readTrace(path, { format: 'trace', naming }, Number(values.limit))
  const timed =
    trace.every(({ completed, submitMs }) => !completed || submitMs !== undefined) &&
    trace.some(({ durationMs }) => durationMs !== undefined)
  if (options.feedback === 'completion' && !timed) continue
  const pair = timedPair(defaultPair(options.defaultBytes))
  const { score } = await backtest(name.replace(/\.csv(\.gz)?$/, ''), trace, pair, options, () => {})
  const row = compare(
    score,
    trace.some(({ requestedMemoryBytes }) => requestedMemoryBytes !== undefined),
  )
  if (values.json)
    process.stdout.write(`${JSON.stringify({ ...score, best: row?.best[0], ratio: row?.ratio })}\n`)
  else process.stderr.write(`${score.trace}\n`)
  if (row !== undefined) rows.push(row)
}
if (!values.json) process.stdout.write(summary())

function traceFiles(): readonly string[] {
  return readdirSync(values.traces)
    .filter((name) => /\.csv(\.gz)?$/.test(name) && !name.startsWith('ts_') && name.includes(values.only))
    .sort()
    .map((name) => join(values.traces, name))
}

/** Where nobody requested anything, the request is no way to size. */
function compare(score: TraceScore, hasRequests: boolean): Row | undefined {
  const own = score.methods['foresize']
  const rivals = Object.entries(score.methods).filter(
    ([name]) => baselineNames.includes(name) && (hasRequests || name !== 'request'),
  )
  const [best] = rivals.sort(([, a], [, b]) => wastageOf(a) - wastageOf(b))
  return own === undefined || best === undefined
    ? undefined
    : { score, own, best, ratio: wastageOf(own) / wastageOf(best[1]) }
}

function summary(): string {
  const mean = Math.exp(rows.reduce((sum, { ratio }) => sum + Math.log(ratio), 0) / rows.length)
  const few = rows.filter(({ own, score }) => own.failed_executions <= 0.03 * score.executions).length
  const text = table<Row>(
    [
      { title: 'trace', value: ({ score }) => score.trace },
      { title: 'best baseline', value: ({ best: [name] }) => name },
      { title: 'wasted', align: 'right', value: ({ best: [, best] }) => shown(best) },
      { title: 'foresize', align: 'right', value: ({ own }) => shown(own) },
      { title: 'ratio', align: 'right', value: ({ ratio }) => ratio.toFixed(3) },
      {
        title: 'failed',
        align: 'right',
        value: ({ own, score }) => `${((100 * own.failed_executions) / score.executions).toFixed(1)} %`,
      },
      { title: 'ECE', align: 'right', value: ({ score }) => score.confidence?.ece.toFixed(3) ?? '' },
      {
        title: 'Brier / base',
        align: 'right',
        value: ({ score: { confidence } }) =>
          confidence === null ? '' : (confidence.brier / confidence.brier_base_rate).toFixed(3),
      },
      { title: 'time', align: 'right', value: ({ score }) => percent(score.duration?.mdape) },
      { title: 'cpu', align: 'right', value: ({ score }) => percent(score.cpu?.mdape) },
      { title: 'estimate µs', align: 'right', value: ({ score }) => spread(score.estimate_us) },
      { title: 'update µs', align: 'right', value: ({ score }) => spread(score.update_us) },
    ],
    rows,
  )
  return `${text}\ngeometric mean of the ratios ${mean.toFixed(3)}; at most 3 % failed on ${few} of ${rows.length}\n`
}

function shown(score: MethodScore): string {
  return `${figure(wastageOf(score))} / ${score.failures}`
}

function percent(share: number | undefined): string {
  return share === undefined ? '' : `${(100 * share).toFixed(1)} %`
}

function spread(times: { readonly p50: number; readonly p99: number } | null): string {
  return times === null ? '' : `${figure(times.p50)}, ${figure(times.p99)}`
}
