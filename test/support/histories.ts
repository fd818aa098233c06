import { defaultFoldSettings, emptyProfile, foldAll } from '../../services/profiler/domain/fold.ts'
import { summarise } from '../../shared/domain/cohort.ts'
import type { ExecutionRecord } from '../../shared/domain/execution.ts'
import type { Profile, ProfileKey } from '../../shared/domain/profile.ts'

/** One finished execution of `demo/task`, 1 GB for 60 s, unless said otherwise. */
export function execution(id: string, more: Partial<ExecutionRecord> = {}): ExecutionRecord {
  return {
    executionId: id,
    task: { namespace: 'default', task: 'demo/task' },
    attempt: 1,
    features: {},
    labels: {},
    requested: {},
    allocated: {},
    used: { memoryBytes: 1e9, cpuCores: 1, durationMs: 60_000 },
    estimateToken: new Uint8Array(0),
    weight: 1,
    outcome: 'succeeded',
    source: 'cgroup',
    endedAtUnixMs: 0,
    ...more,
  }
}

/** `count` executions whose memory is `bytesPerByte` times their `input_bytes`, 1 MB to `count` MB. */
export function linearHistory(count: number, bytesPerByte = 10): readonly ExecutionRecord[] {
  return Array.from({ length: count }, (_, index) => {
    const inputBytes = (1 + ((index * 7) % count)) * 1e6
    return execution(`linear-${index}`, {
      features: { input_bytes: inputBytes },
      used: {
        memoryBytes: 50e6 + bytesPerByte * inputBytes,
        cpuCores: 2,
        durationMs: 1000 + inputBytes / 1e3,
      },
    })
  })
}

/** `count` executions whose need of everything is `size` × `threads`, each from 1 to 100, which say nothing of each other. */
export function historyOfTwo(count: number): readonly ExecutionRecord[] {
  return Array.from({ length: count }, (_, index) => {
    const [size, threads] = [100 ** ((index * 0.7548776662) % 1), 100 ** ((index * 0.569840291) % 1)]
    const need = size * threads
    return execution(`two-${index}`, {
      features: { size, threads },
      used: {
        memoryBytes: 1e6 * need,
        cpuCores: need,
        diskBytes: 1e6 * need,
        gpuMemoryBytes: 1e6 * need,
        durationMs: 1e3 * need,
      },
    })
  })
}

export const taskKey: ProfileKey = { namespace: 'default', kind: 'task', task: 'demo/task' }

/** What the profiler makes of a history, folded one by one. */
export function profileOf(
  history: readonly ExecutionRecord[],
  key: ProfileKey = taskKey,
  before?: Profile,
): Profile {
  let profile = before
  for (const record of history) {
    profile = foldAll(profile, key, [{ record }], 1_750_000_000_000, defaultFoldSettings).profile
  }
  if (profile === undefined) throw new Error('a history has at least one execution')
  return profile
}

/** A cohort of tasks, each of which has used one of `memoryBytes`. */
export function cohortOf(name: string, memoryBytes: readonly number[]): Profile {
  const key: ProfileKey = { namespace: 'default', kind: 'cohort', task: name }
  return {
    ...emptyProfile(key, 1_750_000_000_000),
    revision: memoryBytes.length,
    members: memoryBytes.map((bytes, i) =>
      summarise(`other/${i}`, 1, [execution(`similar-${i}`, { used: { memoryBytes: bytes } })]),
    ),
  }
}
