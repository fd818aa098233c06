import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { percentile } from '../cli/evaluate/baselines.ts'
import { localPair } from '../cli/evaluate/local-pair.ts'
import { queryOf, recordOf } from '../cli/evaluate/records.ts'
import { warmUp } from '../cli/evaluate/timed-pair.ts'
import { readTrace, type TraceRow } from '../cli/evaluate/trace.ts'
import { readNaming } from '../cli/histories/naming.ts'
import { table } from '../cli/table.ts'
import { answerSettings, estimatorConfig } from '../services/estimator/config.ts'
import { strategies } from '../services/estimator/domain/strategies/index.ts'
import { type Spread, spread } from './bench.ts'

/**
 * CPU of a decision, and of learning from an execution, beside what else sizes tasks: `make bench-rivals`. On the same
 * executions in one run, in this process, methods in turn. Those of others are written anew here after what is documented of
 * them; Sizey's with the library that it uses, in Python. foresize answers memory, CPU and time with a confidence each, the
 * others memory alone.
 */

const { values } = parseArgs({
  options: {
    traces: { type: 'string', default: fileURLToPath(new URL('../../shared/traces', import.meta.url)) },
    trace: { type: 'string', default: 'kseg_eager' },
    limit: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '5' },
    python: { type: 'string', default: 'python3' },
    json: { type: 'boolean', default: false },
  },
})

const path = join(values.traces, `${values.trace}.csv.gz`)
if (!existsSync(path)) {
  process.stderr.write(`no trace at ${path}: name its folder with --traces\n`)
  process.exit(1)
}

interface Method {
  readonly name: string
  decide(row: TraceRow): number
  learn(row: TraceRow, number: number): void
}

const foresize = (): Method => {
  const pair = localPair(answerSettings(estimatorConfig.parse({ defaultMemoryBytes: 4e9 }), strategies))
  return {
    name: 'foresize',
    decide: (row) => pair.estimate(queryOf(row, {}, false)).resources.memoryBytes ?? 0,
    learn(row, number) {
      pair.report(recordOf(row, `e${number}`, false), 0)
      pair.learn({ namespace: 'default', task: row.task })
    },
  }
}

function byTask<T>(make: () => T): (row: TraceRow) => T {
  const known = new Map<string, T>()
  return ({ task }) => {
    const of = known.get(task) ?? make()
    known.set(task, of)
    return of
  }
}

/** As a PromQL query answers it: the samples within the range are copied and sorted each time. */
const quantileOverTime = (): Method => {
  const samplesOf = byTask<number[]>(() => [])
  return {
    name: 'quantile_over_time(0.95, …)',
    decide: (row) =>
      percentile(Float64Array.from(samplesOf(row)).sort() as unknown as readonly number[], 0.95),
    learn: (row) => void samplesOf(row).push(row.peakMemoryBytes ?? 0),
  }
}

/**
 * A step of VPA's recommender for one container: a sample enters a histogram of exponential buckets, decayed by half in a day;
 * target, lower and upper bound are its 90th, 50th and 95th percentile with a margin of 15 %, the bounds by confidence.
 * Source: kubernetes/autoscaler, vertical-pod-autoscaler/pkg/recommender, its documented defaults.
 */
const vpaRecommender = (): Method => {
  const [firstBytes, growth, buckets, halfLifeMs] = [1e7, 1.05, 176, 24 * 3600e3]
  const starts = Float64Array.from(
    { length: buckets + 1 },
    (_, i) => (firstBytes * (growth ** i - 1)) / (growth - 1),
  )
  const bucketOf = (bytes: number) =>
    Math.min(buckets - 1, Math.floor(Math.log((bytes * (growth - 1)) / firstBytes + 1) / Math.log(growth)))
  const histogramOf = byTask(() => ({ weights: new Float64Array(buckets), total: 0, samples: 0 }))
  const quantile = ({ weights, total }: { weights: Float64Array; total: number }, q: number) => {
    let passed = 0
    for (let i = 0; i < buckets; i++) {
      passed += weights[i] as number
      if (passed >= q * total) return starts[i + 1] as number
    }
    return starts[buckets] as number
  }
  return {
    name: "VPA's recommender step",
    decide(row) {
      const histogram = histogramOf(row)
      const confidence = Math.max(1e-3, histogram.samples / (60 * 24))
      const lower = quantile(histogram, 0.5) * 1.15 * (1 + 0.001 / confidence) ** -2
      const upper = quantile(histogram, 0.95) * 1.15 * (1 + 1 / confidence)
      return Math.min(upper, Math.max(lower, quantile(histogram, 0.9) * 1.15))
    },
    learn(row) {
      const histogram = histogramOf(row)
      const weight = 2 ** ((row.submitMs ?? 0) / halfLifeMs - Math.floor((row.submitMs ?? 0) / halfLifeMs))
      const bucket = bucketOf(row.peakMemoryBytes ?? 0)
      histogram.weights[bucket] = (histogram.weights[bucket] as number) + weight
      histogram.total += weight
      histogram.samples++
    },
  }
}

function cpuUs(run: () => void): number {
  const start = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(start)
  return user + system
}

interface Cost {
  readonly name: string
  /** CPU in µs: of learning from an execution, over the whole trace; of a decision with all of it learned. */
  readonly learnUs: Spread
  readonly decideUs: Spread
}

function costs(rows: readonly TraceRow[], rounds: number): readonly Cost[] {
  const makers = [foresize, quantileOverTime, vpaRecommender]
  const all = new Map<string, { learn: number[]; decide: number[] }>()
  let sum = 0
  for (let round = 0; round <= rounds; round++)
    for (const make of makers) {
      const method = make()
      const learn = cpuUs(() => {
        for (const [number, row] of rows.entries()) method.learn(row, number)
      })
      const decide = cpuUs(() => {
        for (const row of rows) sum += method.decide(row)
      })
      const own = all.get(method.name) ?? { learn: [], decide: [] }
      all.set(method.name, own)
      // The first round warms up.
      if (round === 0) continue
      own.learn.push(learn / rows.length)
      own.decide.push(decide / rows.length)
    }
  if (!Number.isFinite(sum)) throw new Error('a method has given no number')
  return [...all].map(([name, { learn, decide }]) => ({
    name,
    learnUs: spread(learn),
    decideUs: spread(decide),
  }))
}

/** In a Python of its own, on the task with most executions: each update searches its models anew, for seconds. */
function sizey(rows: readonly TraceRow[]): Cost | string {
  const tasks = [...Map.groupBy(rows, ({ task }) => task).values()].sort((a, b) => b.length - a.length)
  const pairs = (tasks[0] ?? []).map(({ features, peakMemoryBytes }) => [
    features['input_bytes'] ?? 0,
    peakMemoryBytes,
  ])
  const script = join(import.meta.dirname, 'sizey.py')
  const { status, stdout, stderr, error } = spawnSync(values.python, [script], {
    input: JSON.stringify(pairs),
    encoding: 'utf8',
    timeout: 300_000,
  })
  if (error ?? status !== 0)
    return (error?.message ?? (stderr.trim().split('\n').at(-1) || 'it failed')).slice(0, 200)
  const { learn, decide } = JSON.parse(stdout) as { learn: number[]; decide: number[] }
  return { name: "Sizey's decision, in Python", learnUs: spread(learn), decideUs: spread(decide) }
}

warmUp()
const { rows } = await readTrace(
  path,
  { format: 'trace', naming: readNaming({ values: {} }) },
  Number(values.limit),
)
const complete = rows.filter(({ completed, peakMemoryBytes }) => completed && peakMemoryBytes !== undefined)
const found = [...costs(complete, Number(values.rounds))]
const reference = found[0] as Cost
const other = sizey(complete)
if (typeof other !== 'string') found.push(other)
if (values.json) process.stdout.write(`${JSON.stringify(found)}\n`)
else {
  const shown = ({ median, min, max }: Spread) =>
    `${median.toPrecision(3)} (${min.toPrecision(2)} to ${max.toPrecision(2)})`
  process.stdout.write(
    `${complete.length} executions of ${values.trace}, ${values.rounds} rounds in turn, CPU in µs: median (least to most)\n${table<Cost>(
      [
        { title: '', value: ({ name }) => name },
        { title: 'decision', align: 'right', value: ({ decideUs }) => shown(decideUs) },
        {
          title: '× foresize',
          align: 'right',
          value: ({ decideUs }) => (decideUs.median / reference.decideUs.median).toPrecision(2),
        },
        { title: 'learning', align: 'right', value: ({ learnUs }) => shown(learnUs) },
        {
          title: '× foresize',
          align: 'right',
          value: ({ learnUs }) => (learnUs.median / reference.learnUs.median).toPrecision(2),
        },
      ],
      found,
    )}`,
  )
}
if (typeof other === 'string')
  process.stderr.write(
    `NOT RUN: Sizey's decision needs a Python with scikit-learn and scipy (--python): ${other}\n`,
  )
