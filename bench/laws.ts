import { queryOf, recordOf } from '../cli/evaluate/records.ts'
import { defaultPair, timedPair } from '../cli/evaluate/timed-pair.ts'
import { table } from '../cli/table.ts'
import { draws } from './draws.ts'

/** Needs that follow a known law of the inputs, asked far beyond what was seen: are those called sure sufficient? */
const megabyte = 1e6
const ofOne: Readonly<Record<string, (input: number) => number>> = {
  linear: (x) => 3 * x,
  affine: (x) => 100 * megabyte + 3 * x,
  'affine, mostly fixed': (x) => 1000 * megabyte + 3 * x,
  'affine, hardly fixed': (x) => 20 * megabyte + 3 * x,
  'n log n': (x) => 0.2 * x * Math.log(x),
  'power 0.5': (x) => 5e4 * x ** 0.5,
  'power 0.75': (x) => 300 * x ** 0.75,
  'power 1.5': (x) => 1e-3 * x ** 1.5,
  'power 2': (x) => 5e-8 * x ** 2,
  constant: () => 500 * megabyte,
  saturating: (x) => 100 * megabyte + (4000 * megabyte * x) / (x + 100 * megabyte),
  'saturating exponential': (x) => 100 * megabyte + 1000 * megabyte * (1 - Math.exp(-x / (50 * megabyte))),
}
/** Of two inputs, asked beyond the first alone or beyond both. */
const ofTwo: Readonly<Record<string, (input: number, other: number) => number>> = {
  'sum of two': (x, y) => 50 * megabyte + 2 * x + 5 * y,
  'product of two': (x, y) => 50 * megabyte + 2e-8 * x * y,
}

interface Law {
  readonly name: string
  readonly needOf: (input: number, other: number) => number
  readonly beyond?: 'one' | 'both'
}
const laws: readonly Law[] = [
  ...Object.entries(ofOne).map(([name, needOf]) => ({ name, needOf })),
  ...Object.entries(ofTwo).flatMap(([name, needOf]) =>
    (['one', 'both'] as const).map((beyond) => ({ name: `${name}, beyond ${beyond}`, needOf, beyond })),
  ),
]
const counts = [8, 20, 60]
const distances = [1.5, 2, 3, 5, 10, 30, 100]
const seeds = [1, 2, 3, 4, 5]
const scatter = 0.03
const largestInput = 100 * megabyte
/** From uniform draws to inputs: evenly spread, and over two decades. */
const inputs: readonly ((u: number) => number)[] = [
  (u) => largestInput * (0.01 + 0.99 * u),
  (u) => largestInput * 10 ** (-2 * u),
]

interface Answer {
  readonly law: string
  readonly executions: number
  readonly times: number
  readonly confidence: number
  readonly suffices: boolean
  /** Within twice the need. */
  readonly close: boolean
}

const rowOf = (task: string, features: Readonly<Record<string, number>>, peakMemoryBytes: number) => ({
  task,
  completed: true,
  features,
  labels: {},
  peakMemoryBytes,
  durationMs: 60_000,
})

const pair = timedPair(defaultPair(4e9))
const answers: Answer[] = []
for (const { name, needOf, beyond } of laws)
  for (const executions of counts)
    for (const [kind, inputOf] of inputs.entries())
      for (const seed of seeds) {
        const { uniform, normal } = draws(1000 * seed + executions)
        const need = (input: number, other: number) => needOf(input, other) * Math.exp(scatter * normal())
        const features = (input: number, other: number) =>
          beyond === undefined ? { input_bytes: input } : { input_bytes: input, reads: other }
        const task = `${name}/${executions}/${kind}/${seed}`
        const sizes = Array.from({ length: executions }, () => Math.round(inputOf(uniform())))
        const others = sizes.map(() => (beyond === undefined ? 0 : Math.round(inputOf(uniform()))))
        for (const [i, input] of sizes.entries()) {
          const other = others[i] as number
          await pair.report(
            recordOf(rowOf(task, features(input, other), need(input, other)), `${task}/${i}`, false),
          )
        }
        for (const times of distances) {
          const input = times * Math.max(...sizes)
          const other = beyond === 'both' ? times * Math.max(...others) : (others[0] as number)
          const needed = need(input, other)
          const [estimate] = await pair.estimate([queryOf(rowOf(task, features(input, other), 0), {}, false)])
          const memory = estimate?.dimensions.find(({ dimension }) => dimension === 'memoryBytes')
          if (memory === undefined) continue
          const suffices = memory.allocation >= needed
          const close = suffices && memory.allocation <= 2 * needed
          answers.push({ law: name, executions, times, confidence: memory.confidence, suffices, close })
        }
      }
await pair.close()

const share = (of: readonly Answer[], holds: (answer: Answer) => boolean) =>
  of.length === 0 ? '' : `${((100 * of.filter(holds).length) / of.length).toFixed(1)} % of ${of.length}`
const sufficient = ({ suffices }: Answer) => suffices
const summaries = [...laws.map(({ name }) => name), 'all of one input', 'all of two inputs'].map((law) => ({
  law,
  own: answers.filter((answer) => {
    if (law === 'all of one input') return answer.law in ofOne
    if (law === 'all of two inputs') return !(answer.law in ofOne)
    return answer.law === law
  }),
}))
const promised = (of: readonly Answer[]) =>
  of.length === 0
    ? ''
    : `${((100 * of.reduce((sum, { confidence }) => sum + confidence, 0)) / of.length).toFixed(1)} %`
process.stdout.write(
  table(
    [
      { title: 'law', value: ({ law }) => law },
      { title: 'suffices', align: 'right', value: ({ own }) => share(own, sufficient) },
      {
        title: 'called 95 % sure',
        align: 'right',
        value: ({ own }) =>
          share(
            own.filter(({ confidence }) => confidence >= 0.95),
            sufficient,
          ),
      },
      {
        title: 'called 80 % sure',
        align: 'right',
        value: ({ own }) =>
          share(
            own.filter(({ confidence }) => confidence > 0.8),
            sufficient,
          ),
      },
      {
        title: 'promised of these',
        align: 'right',
        value: ({ own }) => promised(own.filter(({ confidence }) => confidence > 0.8)),
      },
      {
        title: 'within twice, to 3 x, from 20',
        align: 'right',
        value: ({ own }) =>
          share(
            own.filter(({ times, executions }) => times <= 3 && executions >= 20),
            ({ close }) => close,
          ),
      },
    ],
    summaries,
  ),
)
