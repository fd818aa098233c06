import { modeLabel } from '../../services/kubernetes/domain/names.ts'
import type { ObjectMeta, Pod } from '../../services/kubernetes/domain/pod.ts'
import { formatBytes, formatOverTime } from '../../shared/domain/quantity-text.ts'
import type { ProfileSummary } from '../../shared/wire/gen/foresize/v1/profile.ts'
import { type CommandInput, flag } from '../command.ts'
import { listProfiles } from '../list-profiles.ts'
import { readWhole } from '../options.ts'
import { formatCount } from '../quantity.ts'
import { type Column, table } from '../table.ts'
import { type Kubectl, namespaceOf } from './kubectl.ts'
import { type TaskWaste, taskWaste } from './task-waste.ts'

const defaultRows = 20

/** Which tasks waste most, in a namespace, or in all that have opted in. */
export async function top(input: CommandInput, api: Kubectl): Promise<number> {
  const isOfAll = flag(input, 'all-namespaces')
  const namespaces = isOfAll ? await optedIn(api) : [await namespaceOf(input, api)]
  const found = await Promise.all(namespaces.map((each) => podsIn(api, each)))
  const rows = taskWaste(await profilesOf(input, namespaces), found.flat())
  const shown = rows.slice(0, readWhole(input, 'limit') ?? defaultRows)
  if (flag(input, 'json')) input.out(`${JSON.stringify(shown, null, 2)}\n`)
  else if (shown.length === 0)
    input.out(
      `No task was reported of, and none runs, in ${namespaces.join(', ') || 'a namespace with the label foresize.dev/mode'}.\n`,
    )
  else input.out(table(isOfAll ? [namespaceColumn, ...columns] : columns, shown, input.width))
  if (shown.length < rows.length)
    input.err(`The first ${shown.length} of ${rows.length}; more with --limit.\n`)
  return 0
}

async function optedIn(api: Kubectl): Promise<readonly string[]> {
  const found = await api.list<{ readonly metadata: ObjectMeta }>('/api/v1/namespaces', {
    labelSelector: modeLabel,
  })
  return found.map(({ metadata }) => metadata.name ?? '')
}

const podsIn = (api: Kubectl, namespace: string) =>
  api.list<Pod>(`/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`)

/** One call after the other: whoever looks on is not to be felt by those who work. */
async function profilesOf(
  input: CommandInput,
  namespaces: readonly string[],
): Promise<readonly ProfileSummary[]> {
  const found: ProfileSummary[] = []
  for (const namespace of namespaces) {
    found.push(...(await listProfiles(input, { namespace, kind: 'task' })).profiles)
  }
  return found
}

const namespaceColumn: Column<TaskWaste> = { title: 'namespace', value: ({ namespace }) => namespace }

const columns: readonly Column<TaskWaste>[] = [
  { title: 'task', value: ({ task }) => task },
  { title: 'pods', align: 'right', value: ({ pods }) => formatCount(pods) },
  { title: 'runs', align: 'right', value: ({ runs }) => formatCount(runs) },
  { title: 'killed', align: 'right', value: ({ killed }) => formatCount(killed) },
  { title: 'requested', align: 'right', value: ({ requestedBytes }) => formatBytes(requestedBytes) },
  { title: 'given', align: 'right', value: ({ givenBytes }) => formatBytes(givenBytes) },
  { title: 'used', align: 'right', value: ({ usedBytes }) => formatBytes(usedBytes) },
  {
    title: 'wasted a day',
    align: 'right',
    value: ({ wastePerDay }) => formatOverTime('memoryBytes', wastePerDay),
  },
  { title: 'decision', value: ({ decision }) => decision ?? '–' },
]
