import type { ExecutionRecord } from '../../../shared/domain/execution.ts'
import type { ProfileKey } from '../../../shared/domain/profile.ts'

export interface CohortSettings {
  /** Labels by which tasks form a cohort. Default image, tool, workflow. */
  readonly cohortLabels: readonly string[]
}

export const defaultCohortSettings: CohortSettings = { cohortLabels: ['image', 'tool', 'workflow'] }

/** Longest name of a cohort in UTF-16 units; a longer one is left out. */
const maxCohortNameLength = 256

/** Every profile that an execution is folded into, its task's first. */
export function profileKeysOf(record: ExecutionRecord, settings: CohortSettings): readonly ProfileKey[] {
  const { namespace, task } = record.task
  const keys: ProfileKey[] = [
    { namespace, kind: 'task', task },
    { namespace, kind: 'namespace', task: '' },
  ]
  for (const label of settings.cohortLabels) {
    const value = record.labels[label]
    if (!value) continue
    const name = `${label}=${value}`
    if (name.length <= maxCohortNameLength) keys.push({ namespace, kind: 'cohort', task: name })
  }
  return keys
}
