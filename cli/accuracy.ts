import type { StrategyAccuracy } from '../shared/domain/profile.ts'
import { call } from '../shared/rpc/client.ts'
import { GetAccuracyResponse } from '../shared/wire/gen/foresize/v1/estimator_service.ts'
import { inspect } from '../shared/wire/inspection.ts'
import { toAccuracy } from '../shared/wire/profile.ts'
import { type Command, flag, text, UsageError } from './command.ts'
import { calling, connectionOptions, deadlineOf, estimatorOf } from './connection.ts'
import { dimensionTitles } from './estimate.ts'
import { formatNumber, formatShare } from './quantity.ts'
import { type Column, table } from './table.ts'

export const accuracy: Command = {
  summary: 'Shows how well the estimates of a task have done.',
  usage: 'accuracy TASK [options]',
  positionals: true,
  options: {
    strategies: { type: 'boolean', description: 'every strategy, not only the answer given' },
    ...connectionOptions('estimator'),
  },

  async run(input) {
    const [task, ...more] = input.positionals
    if (task === undefined || more.length > 0) throw new UsageError('name one task')
    const client = estimatorOf(input)
    try {
      const request = { task: { namespace: text(input, 'namespace') ?? 'default', task } }
      const response = await calling(input, 'estimator', () =>
        call(client.getAccuracy.bind(client), request, deadlineOf(input)),
      )
      if (flag(input, 'json')) {
        input.out(`${JSON.stringify(GetAccuracyResponse.toJSON(response), null, 2)}\n`)
        return 0
      }
      const scores = inspect((seen) => response.accuracy.map((a, i) => toAccuracy(a, `accuracy[${i}]`, seen)))
      const shown = scores.filter(({ strategy }) => flag(input, 'strategies') || strategy === 'foresize')
      input.out(shown.length === 0 ? 'Nothing was scored yet.\n' : table(columns, shown))
      return 0
    } finally {
      client.close()
    }
  },
}

const columns: readonly Column<StrategyAccuracy>[] = [
  { title: 'strategy', value: ({ strategy }) => strategy },
  { title: 'variant', value: ({ variant }) => variant || '–' },
  { title: '', value: ({ dimension }) => dimensionTitles[dimension] },
  { title: 'scored', align: 'right', value: ({ executions }) => formatNumber(executions) },
  { title: 'sufficed', align: 'right', value: ({ coverage }) => formatShare(coverage) },
  { title: 'promised', align: 'right', value: ({ meanConfidence }) => formatShare(meanConfidence) },
  { title: 'off by', align: 'right', value: ({ relativeError }) => formatShare(relativeError) },
]
