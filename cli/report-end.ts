import { type Outcome, outcomes } from '../shared/domain/execution.ts'
import { call } from '../shared/rpc/client.ts'
import { fromExecutionEnd, fromExecutionStart } from '../shared/wire/execution.ts'
import { type Command, type CommandInput, flag, required, text } from './command.ts'
import { calling, deadlineOf, profilerOf } from './connection.ts'
import { connectionOptions } from './connection-options.ts'
import {
  readBytes,
  readDuration,
  readResourceOptions,
  readWhole,
  readWord,
  resourceOptions,
} from './options.ts'
import { readTask, taskOptions } from './task-options.ts'

export const reportEnd: Command = {
  summary: 'Tells the profiler how an execution ended whose worker could not.',
  usage: 'report-end --execution-id ID --outcome OUTCOME [options]',
  details: `
For whoever sees that a container or a node was killed with the worker in it. An execution of "foresize run", or of
StartProfiling, is ended at once; one that was closed as lost is corrected, once, within the profiler's grace. One of a
worker that reports many is found by its id once it is lost: until then, and where the profiler may not know it at all,
--task and what follows tell of its start too.

  foresize report-end --execution-id "$POD_UID" --outcome out-of-memory
`,
  options: {
    'execution-id': { type: 'string', value: 'ID', description: 'which execution' },
    outcome: { type: 'string', value: 'OUTCOME', description: `how it ended: ${outcomes.join(', ')}` },
    'used-memory': { type: 'string', value: 'BYTES', description: 'peak of memory, where it is known' },
    'used-time': { type: 'string', value: 'TIME', description: 'run time, where it is known' },
    ...taskOptions,
    attempt: { type: 'string', value: 'N', description: 'which attempt it was, from 1' },
    ...resourceOptions('that it was given'),
    ...connectionOptions('profiler'),
  },

  async run(input) {
    const executionId = required(input, 'execution-id')
    required(input, 'outcome')
    const outcome = readWord<Outcome>(input, 'outcome', outcomes) as Outcome
    const used = {
      memoryBytes: readBytes(input, 'used-memory'),
      durationMs: readDuration(input, 'used-time'),
    }
    const isMeasured = used.memoryBytes !== undefined || used.durationMs !== undefined
    const end = fromExecutionEnd({ executionId, outcome, used, source: isMeasured ? 'external' : 'unknown' })
    const client = profilerOf(input)
    try {
      const { folded } = await calling(input, 'profiler', () =>
        call(client.reportEnd.bind(client), { end, start: startOf(input, executionId) }, deadlineOf(input)),
      )
      if (flag(input, 'json')) input.out(`${JSON.stringify({ folded })}\n`)
      else input.out(folded ? `${executionId}: ${outcome}\n` : `${executionId}: its end was known before\n`)
      return 0
    } finally {
      client.close()
    }
  },
}

function startOf(input: CommandInput, executionId: string) {
  if (text(input, 'task') === undefined) return undefined
  return fromExecutionStart({
    executionId,
    ...readTask(input),
    attempt: readWhole(input, 'attempt') ?? 1,
    requested: {},
    allocated: readResourceOptions(input),
    estimateToken: new Uint8Array(),
    weight: 1,
  })
}
