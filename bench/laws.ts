import { parseArgs } from 'node:util'
import { queryOf, recordOf } from '../cli/evaluate/records.ts'
import { defaultPair, timedPair } from '../cli/evaluate/timed-pair.ts'
import { table } from '../cli/table.ts'
import { draws } from './draws.ts'

/**
 * Needs that follow a law of the inputs, asked far beyond what was seen: are those called sure sufficient? By laws like
 * those that growth is told by; with `--outside` by others, with more scatter and from fewer executions.
 */
const { values } = parseArgs({ options: { outside: { type: 'boolean', default: false } } })

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
/** That no growth law is. The largest input is 100 MB. */
const ofNone: Readonly<Record<string, (input: number) => number>> = {
  quadratic: (x) => 200 * megabyte + 2 * x + 2e-8 * x ** 2,
  'flat to 20 MB': (x) => 500 * Math.max(megabyte, x / 20),
  'flat to 60 MB': (x) => 500 * Math.max(megabyte, x / 60),
  'flat to 150 MB': (x) => 500 * Math.max(megabyte, x / 150),
  'steeper from 60 MB': (x) => 100 * megabyte + x + 20 * Math.max(0, x - 60 * megabyte),
  steps: (x) => 2 ** Math.ceil(Math.log2(3 * x)),
  'a tenth grows': (x) => 900 * megabyte + x,
}
/** Slopes by a label. */
const ofLabel = (input: number, label: string): number => input * ({ a: 1, b: 4, c: 12 }[label] as number)

interface Law {
  readonly name: string
  readonly needOf: (input: number, other: number, label: string) => number
  readonly beyond?: 'one' | 'both'
  readonly labels?: readonly string[]
  /** Errors of Student's t with two degrees of freedom. */
  readonly isHeavy?: boolean
}
const seen = Object.entries(ofOne).map(([name, needOf]) => ({ name, needOf }))
const inside: readonly Law[] = [
  ...seen,
  ...Object.entries(ofTwo).flatMap(([name, needOf]) =>
    (['one', 'both'] as const).map((beyond) => ({ name: `${name}, beyond ${beyond}`, needOf, beyond })),
  ),
]
const outside: readonly Law[] = [
  ...seen,
  ...Object.entries(ofNone).map(([name, needOf]) => ({ name, needOf })),
  { name: 'slopes by label', needOf: (x, _, label) => ofLabel(x, label), labels: ['a', 'b', 'c'] },
  { name: 'heavy errors', needOf: (x) => 100 * megabyte + 3 * x, isHeavy: true },
]
const laws = values.outside ? outside : inside
const counts = values.outside ? [4, 8, 20, 60] : [8, 20, 60]
const distances = values.outside ? [1.5, 3, 10, 100] : [1.5, 2, 3, 5, 10, 30, 100]
const scatters = values.outside ? [0.03, 0.1, 0.3] : [0.03]
const seeds = [1, 2, 3, 4, 5]
const largestInput = 100 * megabyte
/** From uniform draws to inputs: evenly spread, and over two decades. */
const inputs: readonly ((u: number) => number)[] = [
  (u) => largestInput * (0.01 + 0.99 * u),
  (u) => largestInput * 10 ** (-2 * u),
]

interface Answer {
  readonly law: string
  readonly task: string
  readonly executions: number
  readonly scatter: number
  readonly times: number
  readonly confidence: number
  readonly suffices: boolean
  /** Within twice the need. */
  readonly close: boolean
}

const rowOf = (
  task: string,
  features: Readonly<Record<string, number>>,
  labels: Readonly<Record<string, string>>,
  peakMemoryBytes: number,
) => ({ task, completed: true, features, labels, peakMemoryBytes, durationMs: 60_000 })

const pair = timedPair(defaultPair(4e9))
const answers: Answer[] = []
for (const { name, needOf, beyond, labels, isHeavy } of laws)
  for (const executions of counts)
    for (const scatter of scatters)
      for (const [kind, inputOf] of inputs.entries())
        for (const seed of seeds) {
          const { uniform, normal } = draws(1000 * seed + executions)
          const error = () => (isHeavy ? normal() / Math.sqrt(-Math.log(1 - uniform())) : normal())
          const need = (input: number, other: number, label: string) =>
            needOf(input, other, label) * Math.exp(scatter * error())
          const features = (input: number, other: number) =>
            beyond === undefined ? { input_bytes: input } : { input_bytes: input, reads: other }
          const labelled = (label: string) => (labels === undefined ? {} : { tool: label })
          const labelAt = (i: number) => labels?.[i % labels.length] ?? ''
          const task = `${name}/${executions}/${scatter}/${kind}/${seed}`
          const sizes = Array.from({ length: executions }, () => Math.round(inputOf(uniform())))
          const others = sizes.map(() => (beyond === undefined ? 0 : Math.round(inputOf(uniform()))))
          for (const [i, input] of sizes.entries()) {
            const other = others[i] as number
            const used = need(input, other, labelAt(i))
            const row = rowOf(task, features(input, other), labelled(labelAt(i)), used)
            await pair.report(recordOf(row, `${task}/${i}`, false))
          }
          for (const [i, times] of distances.entries()) {
            const input = times * Math.max(...sizes)
            const other = beyond === 'both' ? times * Math.max(...others) : (others[0] as number)
            const needed = need(input, other, labelAt(i))
            const row = rowOf(task, features(input, other), labelled(labelAt(i)), 0)
            const [estimate] = await pair.estimate([queryOf(row, {}, false)])
            const memory = estimate?.dimensions.find(({ dimension }) => dimension === 'memoryBytes')
            if (memory === undefined) continue
            const { allocation, confidence } = memory
            const suffices = allocation >= needed
            const close = suffices && allocation <= 2 * needed
            answers.push({ law: name, task, executions, scatter, times, confidence, suffices, close })
          }
        }
await pair.close()

const share = (of: readonly Answer[], holds: (answer: Answer) => boolean) =>
  of.length === 0 ? '' : `${((100 * of.filter(holds).length) / of.length).toFixed(1)} % of ${of.length}`
const sufficient = ({ suffices }: Answer) => suffices
const promised = (of: readonly Answer[]) =>
  of.length === 0
    ? ''
    : `${((100 * of.reduce((sum, { confidence }) => sum + confidence, 0)) / of.length).toFixed(1)} %`

/** By how many standard errors more were promised than sufficed; answers of one task are one. */
function short(of: readonly Answer[]): string {
  const byTask = new Map<string, number>()
  for (const { task, confidence, suffices } of of)
    byTask.set(task, (byTask.get(task) ?? 0) + confidence - (suffices ? 1 : 0))
  const sums = [...byTask.values()]
  const sum = sums.reduce((a, b) => a + b, 0)
  const chance = of.reduce((total, { confidence }) => total + confidence * (1 - confidence), 0)
  const squares = sums.reduce((total, one) => total + one ** 2, 0)
  return of.length === 0 ? '' : (sum / Math.sqrt(Math.max(chance, squares))).toFixed(1)
}

const group = (name: string, holds: (answer: Answer) => boolean) => ({ name, own: answers.filter(holds) })
const isOfOne = ({ law }: Answer) => laws.find(({ name }) => name === law)?.beyond === undefined
const groups = [
  ...laws.map(({ name }) => group(name, ({ law }) => law === name)),
  ...(values.outside
    ? [
        ...counts.map((n) => group(`${n} executions`, ({ executions }) => executions === n)),
        ...distances.map((x) => group(`at ${x} x`, ({ times }) => times === x)),
        ...scatters.map((s) => group(`scatter of ${100 * s} %`, ({ scatter }) => scatter === s)),
        group('all', () => true),
      ]
    : [group('all of one input', isOfOne), group('all of two inputs', (answer) => !isOfOne(answer))]),
]
process.stdout.write(
  table(
    [
      { title: 'law', value: ({ name }) => name },
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
        title: 'short by, errors',
        align: 'right',
        value: ({ own }) => short(own.filter(({ confidence }) => confidence > 0.8)),
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
    groups,
  ),
)
