import type { DimensionEstimate, EstimateQuery } from '../shared/domain/estimate.ts'
import { counted, dimensionTitles, formatDimension } from '../shared/domain/quantity-text.ts'
import type { Resources } from '../shared/domain/resources.ts'
import type { ReceivedEstimate } from '../shared/wire/estimate.ts'
import { EstimateResponse } from '../shared/wire/gen/foresize/v1/estimator_service.ts'
import { askEstimator, estimateIn } from './ask-estimator.ts'
import { causeOf } from './cause.ts'
import { type Command, type CommandInput, flag, UsageError, ValueError } from './command.ts'
import { connectionOptions } from './connection-options.ts'
import { noticeText } from './notice-text.ts'
import { type OneLine, oneLineOptions, readOneLine } from './one-line.ts'
import { readResourceOptions, resourceOptions } from './options.ts'
import { formatShare } from './quantity.ts'
import { queryOptions, readQuery } from './query.ts'
import { type Column, table } from './table.ts'

export const estimate: Command = {
  summary: 'Says what the next run of a task needs, and how sure that is.',
  usage: 'estimate --task NAME [options]',
  details: `
For scripts it prints one line and nothing else, whole numbers rounded up, within --within and the blink of an eye: what
was learned where at least 3 executions stand behind it and it is at least half sure, else the amount of --or, with the
reason on standard error. Exit code 0 is a line, 1 none, 2 a wrong command line.

  foresize estimate --task sort --feature input_bytes=200MB
  sbatch --mem=$(foresize estimate --task sort --feature input_bytes=200MB --format slurm --or 4G) job.sh
`,
  options: {
    ...queryOptions,
    ...oneLineOptions,
    ...resourceOptions('that the user requests: evidence where the task is unknown'),
    strategies: { type: 'boolean', description: 'show what every strategy said' },
    ...connectionOptions('estimator'),
  },

  async run(input) {
    const oneLine = readOneLine(input)
    if (oneLine !== undefined) return printLine(input, oneLine)
    const query = queryOf(input)
    const response = await askEstimator(input, query)
    if (flag(input, 'json')) {
      input.out(`${JSON.stringify(EstimateResponse.toJSON(response), null, 2)}\n`)
    } else {
      input.out(describe(query.task.task, estimateIn(response), input))
    }
    return 0
  },
}

/** A value that is missing, the way and the answer end in the line of `--or`, where it is given; a wrong command line never. */
async function printLine(input: CommandInput, oneLine: OneLine): Promise<number> {
  if (flag(input, 'json'))
    throw new UsageError('--json prints everything, --format, --print and --or one line')
  let query: EstimateQuery | undefined
  let answer: ReceivedEstimate | { readonly unavailable: string }
  try {
    query = queryOf(input, oneLine.fallback)
    answer = estimateIn(await askEstimator(input, query))
  } catch (error) {
    const isWrong = error instanceof UsageError && !(error instanceof ValueError)
    if (oneLine.fallback === undefined || isWrong) throw error
    answer = { unavailable: causeOf(error) }
  }
  const { text, remarks } = oneLine.line(query, answer)
  for (const remark of remarks) input.err(`foresize estimate: ${remark}\n`)
  input.out(`${text}\n`)
  return 0
}

function queryOf(input: CommandInput, fallback: Resources = {}): EstimateQuery {
  return { ...readQuery(input), requested: { ...fallback, ...readResourceOptions(input) } }
}

const columns: readonly Column<DimensionEstimate>[] = [
  { title: '', value: ({ dimension }) => dimensionTitles[dimension] },
  { title: 'give', align: 'right', value: (d) => formatDimension(d.dimension, d.allocation) },
  { title: 'expected', align: 'right', value: (d) => formatDimension(d.dimension, d.expected) },
  { title: '5 %', align: 'right', value: (d) => formatDimension(d.dimension, d.lower) },
  { title: '95 %', align: 'right', value: (d) => formatDimension(d.dimension, d.upper) },
  { title: 'sure', align: 'right', value: (d) => formatShare(d.confidence) },
  { title: 'by', value: (d) => d.strategy || d.source },
]

function describe(task: string, answer: ReceivedEstimate, input: CommandInput): string {
  const { dimensions, confidence, source, reason, executions, profileRevision, variant, notices } = answer
  const lines = [
    `${task}: ${formatShare(confidence)} sure to suffice, from ${source} (${counted(Math.round(executions), 'execution')}, revision ${profileRevision})`,
    reason,
    ...(variant === undefined ? [] : [`variant ${variant}`]),
    ...notices.map((notice) => `note: ${noticeText(notice, task)}`),
  ]
  const figures =
    dimensions.length === 0 ? 'Nothing is known of it yet.\n' : table(columns, dimensions, input.width)
  const strategies = flag(input, 'strategies')
    ? dimensions.map((each) => strategiesOf(each, input.width))
    : []
  return `${lines.join('\n')}\n\n${figures}${strategies.join('')}`
}

function strategiesOf(estimate: DimensionEstimate, width: number | undefined): string {
  const { dimension, predictions, clamps, failurePrice, tailChance } = estimate
  const rows = table(
    [
      { title: dimensionTitles[dimension], value: ({ strategy }) => `  ${strategy}` },
      { title: 'predicts', align: 'right', value: ({ value }) => formatDimension(dimension, value) },
      { title: 'weight', align: 'right', value: ({ weight }) => formatShare(weight) },
      { title: '', value: ({ reason }) => reason ?? '' },
    ],
    predictions,
    width,
  )
  const held = clamps.map(({ kind, before, after }) => {
    return `  held by ${kind}: ${formatDimension(dimension, before)} became ${formatDimension(dimension, after)}\n`
  })
  const failure =
    failurePrice === undefined || tailChance === undefined
      ? ''
      : `  a failure is priced as ${Number(failurePrice.toPrecision(2))} runs; ${formatShare(tailChance)} need more than the largest seen\n`
  return `\n${rows}${failure}${held.join('')}`
}
