import { defaultFoldSettings, foldAll } from '../../services/profiler/domain/fold.ts'
import { outcomes } from '../../shared/domain/execution.ts'
import type { Profile, ProfileKey } from '../../shared/domain/profile.ts'
import { recordOf } from './executions.ts'

/** The same profile every time: `count` executions of one task, of every outcome. */
export function exampleProfile(
  count: number,
  key: ProfileKey = { namespace: 'default', kind: 'task', task: 'align/bwa-mem' },
  nowUnixMs = 1_800_000_000_000,
): Profile {
  const finished = Array.from({ length: count }, (_, i) => ({
    record: recordOf(
      `${key.task.slice(0, 100)}-${i}`,
      { cpuCores: 1 + (i % 4) / 2, memoryBytes: 1e9 + i * 1e7, durationMs: 1000 + i },
      {
        task: { namespace: key.namespace, task: key.task },
        features: { input_bytes: i * 1e6 },
        labels: { image: 'bwa:0.7' },
        requested: { memoryBytes: 4e9 },
        outcome: i % 10 === 9 ? (outcomes[((i / 10) % outcomes.length) | 0] ?? 'succeeded') : 'succeeded',
      },
    ),
  }))
  return foldAll(undefined, key, finished, nowUnixMs, defaultFoldSettings).profile
}
