import { call } from '../shared/rpc/client.ts'
import { dimensionEnum } from '../shared/wire/enums.ts'
import { fromQuery, toNotices } from '../shared/wire/estimate.ts'
import { ConfidenceResponse } from '../shared/wire/gen/foresize/v1/estimator_service.ts'
import { type Command, flag } from './command.ts'
import { calling, connectionOptions, deadlineOf, estimatorOf } from './connection.ts'
import { noticeText } from './notice-text.ts'
import { readResourceOptions, resourceOptions } from './options.ts'
import { dimensionTitles, formatDimension, formatResources, formatShare } from './quantity.ts'
import { queryOptions, readQuery } from './query.ts'
import { table } from './table.ts'

export const confidence: Command = {
  summary: 'Says how probably given resources suffice for the next run of a task.',
  usage: 'confidence --task NAME --memory BYTES [options]',
  details: `
Without resources it speaks of those that "foresize estimate" would give.

  foresize confidence --task sort --feature input_bytes=200MB --memory 1GiB
`,
  options: {
    ...queryOptions,
    ...resourceOptions('that it would be given'),
    ...connectionOptions('estimator'),
  },

  async run(input) {
    const query = readQuery(input)
    const given = readResourceOptions(input)
    const resources = Object.keys(given).length === 0 ? undefined : given
    const client = estimatorOf(input)
    try {
      const response = await calling(input, 'estimator', () =>
        call(client.confidence.bind(client), { query: fromQuery(query), resources }, deadlineOf(input)),
      )
      if (flag(input, 'json')) {
        input.out(`${JSON.stringify(ConfidenceResponse.toJSON(response), null, 2)}\n`)
        return 0
      }
      const what = resources === undefined ? 'what it would be given' : formatResources(resources)
      input.out(`${query.task.task}: ${formatShare(response.confidence)} sure that ${what} suffices\n`)
      input.out(`${response.reason}\n`)
      for (const notice of toNotices(response.notices))
        input.out(`note: ${noticeText(notice, query.task.task)}\n`)
      input.out('\n')
      const rows = response.dimensions.flatMap(({ dimension: wire, allocation, confidence: sure }) => {
        const dimension = dimensionEnum.toWord(wire)
        return dimension === undefined ? [] : { dimension, allocation, sure }
      })
      input.out(
        table(
          [
            { title: '', value: ({ dimension }) => dimensionTitles[dimension] },
            {
              title: 'given',
              align: 'right',
              value: (row) => formatDimension(row.dimension, row.allocation),
            },
            { title: 'sure', align: 'right', value: ({ sure }) => formatShare(sure) },
          ],
          rows,
        ),
      )
      return 0
    } finally {
      client.close()
    }
  },
}
