import { dimensionTitles, formatDimension } from '../shared/domain/quantity-text.ts'
import type { Dimension } from '../shared/domain/resources.ts'
import { call } from '../shared/rpc/client.ts'
import { dimensionEnum } from '../shared/wire/enums.ts'
import { fromQuery, toNotices } from '../shared/wire/estimate.ts'
import { ConfidenceResponse } from '../shared/wire/gen/foresize/v1/estimator_service.ts'
import { causeOf } from './cause.ts'
import { type Command, type CommandInput, flag, UsageError } from './command.ts'
import { calling, estimatorOf, remainingOf } from './connection.ts'
import { connectionOptions } from './connection-options.ts'
import { noticeText } from './notice-text.ts'
import { readNumber, readResourceOptions, resourceOptions } from './options.ts'
import { formatResources, formatShare } from './quantity.ts'
import { queryOptions, readQuery } from './query.ts'
import { type Column, table } from './table.ts'

export const confidence: Command = {
  summary: 'Says how probably given resources suffice for the next run of a task.',
  usage: 'confidence --task NAME --memory BYTES [options]',
  details: `
Without resources it speaks of those that "foresize estimate" would give.

  foresize confidence --task sort --feature input_bytes=200MB --memory 1GiB

With --at-least the exit code is the answer: 0 so sure or more, 1 less sure, 2 no answer or a wrong command line.

  if foresize confidence --task sort --memory 1GiB --at-least 0.95; then sbatch --mem=1G job.sh; fi
`,
  options: {
    ...queryOptions,
    ...resourceOptions('that it would be given'),
    'at-least': {
      type: 'string',
      value: 'SHARE',
      description: 'exit with 0 only where it is so sure: 0 to 1',
    },
    ...connectionOptions('estimator'),
  },

  async run(input) {
    const least = readNumber(input, 'at-least', { most: 1 })
    try {
      const sure = await tell(input)
      return least === undefined || sure >= least ? 0 : 1
    } catch (error) {
      if (least === undefined || error instanceof UsageError) throw error
      input.err(`foresize confidence: ${causeOf(error)}\n`)
      return 2
    }
  },
}

/** Prints the answer. Resolves with the probability that all suffices. */
async function tell(input: CommandInput): Promise<number> {
  const query = readQuery(input)
  const given = readResourceOptions(input)
  const resources = Object.keys(given).length === 0 ? undefined : given
  const client = estimatorOf(input)
  try {
    const response = await calling(input, 'estimator', () =>
      call(
        client.confidence.bind(client),
        { query: fromQuery(query), resources, withCurve: false },
        remainingOf(input),
      ),
    )
    const what = resources === undefined ? 'what it would be given' : formatResources(resources)
    const shown = flag(input, 'json')
      ? `${JSON.stringify(ConfidenceResponse.toJSON(response), null, 2)}\n`
      : describe(query.task.task, what, response, input.width)
    input.out(shown)
    return response.confidence
  } finally {
    client.close()
  }
}

function describe(
  task: string,
  what: string,
  response: ConfidenceResponse,
  width: number | undefined,
): string {
  const rows = response.dimensions.flatMap(({ dimension: wire, allocation, confidence: sure }) => {
    const dimension = dimensionEnum.toWord(wire)
    return dimension === undefined ? [] : { dimension, allocation, sure }
  })
  const lines = [
    `${task}: ${formatShare(response.confidence)} sure that ${what} suffices`,
    response.reason,
    ...toNotices(response.notices).map((notice) => `note: ${noticeText(notice, task)}`),
  ]
  return `${lines.join('\n')}\n\n${table(columns, rows, width)}`
}

const columns: readonly Column<{
  readonly dimension: Dimension
  readonly allocation: number
  readonly sure: number
}>[] = [
  { title: '', value: ({ dimension }) => dimensionTitles[dimension] },
  { title: 'given', align: 'right', value: (row) => formatDimension(row.dimension, row.allocation) },
  { title: 'sure', align: 'right', value: ({ sure }) => formatShare(sure) },
]
