import type { StrategyAccuracy } from '../shared/domain/profile.ts'
import { call } from '../shared/rpc/client.ts'
import { profileKindEnum } from '../shared/wire/enums.ts'
import { inspect } from '../shared/wire/inspection.ts'
import { toAccuracy } from '../shared/wire/profile.ts'
import { type CommandInput, text } from './command.ts'
import { calling, deadlineOf, estimatorOf, profilerOf } from './connection.ts'

export interface TaskAccuracy {
  readonly task: string
  readonly scores: readonly StrategyAccuracy[]
}

/** Tasks that a comparison looks at. */
const mostTasks = 10_000

/** Calls to the estimator under way at once. */
const callsAtOnce = 16

export const namespaceOf = (input: CommandInput) => text(input, 'namespace') ?? 'default'

/** Those whose name begins with `taskPrefix`. */
export async function listTasks(input: CommandInput, taskPrefix = ''): Promise<readonly string[]> {
  const client = profilerOf(input)
  try {
    const tasks: string[] = []
    let pageToken = ''
    do {
      const kind = profileKindEnum.toWire('task')
      const request = { namespace: namespaceOf(input), taskPrefix, pageSize: 1000, pageToken, kind }
      const page = await calling(input, 'profiler', () =>
        call(client.listProfiles.bind(client), request, deadlineOf(input)),
      )
      tasks.push(...page.profiles.flatMap(({ key }) => key?.task ?? []))
      pageToken = page.nextPageToken
    } while (pageToken !== '' && tasks.length < mostTasks)
    if (pageToken !== '') input.err(`Only the first ${mostTasks} tasks.\n`)
    return tasks
  } finally {
    client.close()
  }
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
