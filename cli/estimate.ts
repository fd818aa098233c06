import type { DimensionEstimate } from '../shared/domain/estimate.ts'
import { call } from '../shared/rpc/client.ts'
import { fromQuery, type ReceivedEstimate, toEstimate } from '../shared/wire/estimate.ts'
import { EstimateResponse } from '../shared/wire/gen/foresize/v1/estimator_service.ts'
import { type Command, flag } from './command.ts'
import { calling, connectionOptions, deadlineOf, estimatorOf } from './connection.ts'
import { noticeText } from './notice-text.ts'
import { readResourceOptions, resourceOptions } from './options.ts'
import { dimensionTitles, formatDimension, formatShare } from './quantity.ts'
import { queryOptions, readQuery } from './query.ts'
import { type Column, table } from './table.ts'

export const estimate: Command = {
  summary: 'Says what the next run of a task needs, and how sure that is.',
  usage: 'estimate --task NAME [options]',
  details: `
  foresize estimate --task sort --feature input_bytes=200MB
`,
  options: {
    ...queryOptions,
    ...resourceOptions('that the user requests: evidence where the task is unknown'),
    strategies: { type: 'boolean', description: 'show what every strategy said' },
    ...connectionOptions('estimator'),
  },

  async run(input) {
    const query = { ...readQuery(input), requested: readResourceOptions(input) }
    const client = estimatorOf(input)
    try {
      const response = await calling(input, 'estimator', () =>
        call(client.estimate.bind(client), { query: fromQuery(query) }, deadlineOf(input)),
      )
      if (flag(input, 'json')) {
        input.out(`${JSON.stringify(EstimateResponse.toJSON(response), null, 2)}\n`)
      } else {
        if (response.estimate === undefined) throw new Error('the answer is empty')
        input.out(describe(query.task.task, toEstimate(response.estimate), flag(input, 'strategies')))
      }
      return 0
    } finally {
      client.close()
    }
  },
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

function describe(task: string, answer: ReceivedEstimate, withStrategies: boolean): string {
  const { dimensions, confidence, source, reason, executions, profileRevision, variant, notices } = answer
  const lines = [
    `${task}: ${formatShare(confidence)} sure to suffice, from ${source} (${Math.round(executions)} executions, revision ${profileRevision})`,
    reason,
    ...(variant === undefined ? [] : [`variant ${variant}`]),
    ...notices.map((notice) => `note: ${noticeText(notice, task)}`),
  ]
  const figures = dimensions.length === 0 ? 'Nothing is known of it yet.\n' : table(columns, dimensions)
  return `${lines.join('\n')}\n\n${figures}${withStrategies ? dimensions.map(strategiesOf).join('') : ''}`
}

function strategiesOf({ dimension, predictions, clamps }: DimensionEstimate): string {
  const rows = table(
    [
      { title: dimensionTitles[dimension], value: ({ strategy }) => `  ${strategy}` },
      { title: 'predicts', align: 'right', value: ({ value }) => formatDimension(dimension, value) },
      { title: 'weight', align: 'right', value: ({ weight }) => formatShare(weight) },
      { title: '', value: ({ reason }) => reason ?? '' },
    ],
    predictions,
  )
  const held = clamps.map(({ kind, before, after }) => {
    return `  held by ${kind}: ${formatDimension(dimension, before)} became ${formatDimension(dimension, after)}\n`
  })
  return `\n${rows}${held.join('')}`
}
