import { defaultFoldSettings, type Finished, foldAll } from '../../services/profiler/domain/fold.ts'
import type { Profile, ProfileKey } from '../../shared/domain/profile.ts'
import { recordOf } from './executions.ts'

const most = 32
const long = (name: string) => name.padEnd(256, 'x')

/** Executions of as many and as long names as there may be. */
export const largestExecutions = (
  of: string,
  { namespace, task }: ProfileKey,
  count: number,
): readonly Finished[] =>
  Array.from({ length: count }, (_, i) => {
    const names = Array.from({ length: most }, (_, k) => long(`${k} `))
    const features = Object.fromEntries(names.map((name, k) => [name, (i * 7 + k) % 97]))
    const labels = Object.fromEntries(names.map((name) => [name, long(`${i}`)]))
    const given = { task: { namespace, task }, features, labels }
    return { record: recordOf(`${of} ${i}`, { memoryBytes: 1e8 + i }, given) }
  })

/** A profile of as many of them as it holds: 2.5 MB. */
export const largestProfile = (key: ProfileKey): Profile =>
  foldAll(undefined, key, largestExecutions(key.task, key, 96), 1_800_000_000_000, defaultFoldSettings)
    .profile
