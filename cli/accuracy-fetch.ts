import type { StrategyAccuracy } from '../shared/domain/profile.ts'
import { call } from '../shared/rpc/client.ts'
import { inspect } from '../shared/wire/inspection.ts'
import { toAccuracy } from '../shared/wire/profile.ts'
import type { CommandInput } from './command.ts'
import { calling, deadlineOf, estimatorOf } from './connection.ts'
import { listProfiles } from './list-profiles.ts'
import { namespaceOf } from './task-options.ts'

export interface TaskAccuracy {
  readonly task: string
  readonly scores: readonly StrategyAccuracy[]
}

/** Tasks that a comparison looks at. */
const mostTasks = 10_000

/** Calls to the estimator under way at once. */
const callsAtOnce = 16

/** Those whose name begins with `taskPrefix`. */
export async function listTasks(input: CommandInput, taskPrefix = ''): Promise<readonly string[]> {
  const namespace = namespaceOf(input)
  const { profiles, hasMore } = await listProfiles(input, {
    ...{ namespace, taskPrefix },
    kind: 'task',
    limit: mostTasks,
  })
  if (hasMore) input.err(`Only the first ${mostTasks} tasks.\n`)
  return profiles.flatMap(({ key }) => key?.task ?? [])
}

/** In the order asked. */
export async function fetchAccuracy(
  input: CommandInput,
  tasks: readonly string[],
): Promise<readonly TaskAccuracy[]> {
  const client = estimatorOf(input)
  const found: TaskAccuracy[] = []
  const fetchOne = async (task: string): Promise<TaskAccuracy> => {
    const request = { task: { namespace: namespaceOf(input), task } }
    const { accuracy } = await calling(input, 'estimator', () =>
      call(client.getAccuracy.bind(client), request, deadlineOf(input)),
    )
    return {
      task,
      scores: inspect((seen) => accuracy.map((a, i) => toAccuracy(a, `accuracy[${i}]`, seen))),
    }
  }
  try {
    for (let at = 0; at < tasks.length; at += callsAtOnce) {
      found.push(...(await Promise.all(tasks.slice(at, at + callsAtOnce).map(fetchOne))))
    }
    return found
  } finally {
    client.close()
  }
}
