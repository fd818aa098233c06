import { calibrationError, effectiveExecutions } from '../shared/domain/accuracy.ts'
import { shareInterval } from '../shared/domain/comparison.ts'
import { type AccuracyFigures, ensembleName, type StrategyAccuracy } from '../shared/domain/profile.ts'
import { dimensionTitles, formatOverTime } from '../shared/domain/quantity-text.ts'
import type { Dimension } from '../shared/domain/resources.ts'
import { compareVariants } from './accuracy-compare.ts'
import { fetchAccuracy, listTasks, type TaskAccuracy } from './accuracy-fetch.ts'
import { type Command, type CommandInput, flag, text, UsageError } from './command.ts'
import { connectionOptions } from './connection-options.ts'
import { readWord } from './options.ts'
import { formatCount, formatShare } from './quantity.ts'
import { type Column, table } from './table.ts'
import { namespaceOf } from './task-options.ts'

export const accuracy: Command = {
  summary: 'Shows how well estimates have done, and compares the variants of an A/B test.',
  usage: 'accuracy TASK | accuracy [TASK] --compare [options]',
  details: `
  foresize accuracy sort --strategies
  foresize accuracy --compare --baseline plain

With --compare and no TASK the variants are compared over every task of the namespace, task by task.
`,
  positionals: true,
  options: {
    strategies: { type: 'boolean', description: 'every strategy, not only the answers given' },
    window: {
      type: 'string',
      value: 'WHICH',
      description:
        'all: every execution scored; recent: about the last hundred (default: recent, --compare: all)',
    },
    compare: {
      type: 'boolean',
      description: 'variants against the baseline, with 95 % confidence intervals',
    },
    baseline: {
      type: 'string',
      value: 'NAME',
      description: 'the variant to compare with (default: what was answered without one)',
    },
    dimension: {
      type: 'string',
      value: 'WHAT',
      description: 'what is compared: memory (default), cpu, time, disk, gpu-memory',
    },
    ...connectionOptions('estimator', 'profiler'),
  },

  async run(input) {
    const [task, ...more] = input.positionals
    if (more.length > 0) throw new UsageError(`one task, please: "${more[0]}" is too many`)
    const isComparison = flag(input, 'compare')
    if (task === undefined && !isComparison) throw new UsageError('name a task, or --compare')
    if (!isComparison && text(input, 'baseline') !== undefined)
      throw new UsageError('--baseline needs --compare')
    const window = readWord(input, 'window', ['recent', 'all']) ?? (isComparison ? 'all' : 'recent')
    const dimension = dimensionOf(input)
    const tasks = task === undefined ? await listTasks(input) : [task]
    const found = await fetchAccuracy(input, tasks)
    if (isComparison) return compare(input, found, window, dimension)
    const scores = found[0]?.scores.filter(
      ({ strategy }) => flag(input, 'strategies') || strategy === ensembleName,
    )
    if (flag(input, 'json')) input.out(`${JSON.stringify(scores?.map(withDerived) ?? [], null, 2)}\n`)
    else if (scores === undefined || scores.length === 0) input.out(await whyNothing(input, tasks[0] ?? ''))
    else input.out(describe(scores, window, input.width))
    return 0
  },
}

/** A task that nobody has reported, and one whose estimates nobody has returned, are mended in different ways. */
async function whyNothing(input: CommandInput, task: string): Promise<string> {
  const isKnown = (await listTasks(input, task)).includes(task)
  return isKnown
    ? `No estimate of ${task} was scored yet: run it with the token that the estimate carries, as "foresize run --size" does.\n`
    : `There is no task ${task} in namespace ${namespaceOf(input)}: "foresize profiles list" shows what there is.\n`
}

export type Window = 'recent' | 'all'

/** The figures of one window; an old profile has only the recent ones. */
export const figuresIn = (score: StrategyAccuracy, window: Window): AccuracyFigures =>
  window === 'all' ? (score.total ?? score) : score

/** JSON has what the table computes. */
function withDerived(score: StrategyAccuracy) {
  const derived = (figures: AccuracyFigures) => ({
    calibrationError: calibrationError(figures.calibration),
    effectiveExecutions: effectiveExecutions(figures),
    coverageInterval: shareInterval(figures.coverage, effectiveExecutions(figures)),
  })
  const { total } = score
  return {
    ...score,
    ...derived(score),
    ...(total === undefined ? {} : { total: { ...total, ...derived(total) } }),
  }
}

function describe(scores: readonly StrategyAccuracy[], window: Window, width: number | undefined): string {
  const rows = scores.map((score) => ({ score, figures: figuresIn(score, window) }))
  const head =
    window === 'all'
      ? 'Every execution scored.'
      : `About the last ${Math.round(Math.max(...rows.map(({ figures }) => effectiveExecutions(figures))))} executions scored; --window all has every one.`
  return `${head}\n\n${table(columns, rows, width)}\n${legend}`
}

interface Row {
  readonly score: StrategyAccuracy
  readonly figures: AccuracyFigures
}

const ofAnswers = (show: (row: Row) => string) => (row: Row) =>
  row.score.strategy === ensembleName ? show(row) : ''

const legend = `sufficed: executions that the answer would have been enough for, and the bounds that hold the true share 19 times out
of 20. promised: what the answers said. off by: how far from the need, in the mean. wasted and with kills: what a
run holds unused, and the same with what killed runs cost.
`

const columns: readonly Column<Row>[] = [
  { title: '', value: ({ score }) => dimensionTitles[score.dimension] },
  { title: 'answer', value: ({ score }) => (score.strategy === ensembleName ? 'given' : score.strategy) },
  { title: 'variant', value: ({ score }) => score.variant || '–' },
  { title: 'scored', align: 'right', value: ({ score }) => formatCount(score.executions) },
  {
    title: 'sufficed',
    align: 'right',
    value({ figures }) {
      const { low, high } = shareInterval(figures.coverage, effectiveExecutions(figures))
      return `${formatShare(figures.coverage)} (${formatShare(low)}–${formatShare(high)})`
    },
  },
  {
    title: 'promised',
    align: 'right',
    value: ofAnswers(({ figures }) => formatShare(figures.meanConfidence)),
  },
  { title: 'off by', align: 'right', value: ({ figures }) => formatShare(figures.relativeError) },
  {
    title: 'wasted',
    align: 'right',
    value: ({ score, figures }) => formatOverTime(score.dimension, figures.wastage),
  },
  {
    title: 'with kills',
    align: 'right',
    value: ({ score, figures }) => formatOverTime(score.dimension, figures.cost),
  },
]

const dimensionNames = {
  memory: 'memoryBytes',
  cpu: 'cpuCores',
  time: 'durationMs',
  disk: 'diskBytes',
  'gpu-memory': 'gpuMemoryBytes',
} as const satisfies Readonly<Record<string, Dimension>>

const dimensionOf = (input: CommandInput): Dimension => {
  const names = Object.keys(dimensionNames) as (keyof typeof dimensionNames)[]
  return dimensionNames[readWord(input, 'dimension', names) ?? 'memory']
}

function compare(
  input: CommandInput,
  found: readonly TaskAccuracy[],
  window: Window,
  dimension: Dimension,
): number {
  const strata = found.map(({ scores }) =>
    scores
      .filter((score) => score.strategy === ensembleName && score.dimension === dimension)
      .map((score) => ({ variant: score.variant, figures: figuresIn(score, window) })),
  )
  const { comparisons, text: shown } = compareVariants(strata, text(input, 'baseline') ?? '', input.width)
  input.out(flag(input, 'json') ? `${JSON.stringify({ dimension, window, comparisons }, null, 2)}\n` : shown)
  return 0
}
