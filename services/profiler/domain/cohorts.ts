import { cohortKeys, putMember, summarise } from '../../../shared/domain/cohort.ts'
import type { Profile, ProfileKey } from '../../../shared/domain/profile.ts'
import { emptyProfile } from './fold.ts'

export interface CohortSettings {
  /** Labels by which tasks form a cohort, the most specific first. */
  readonly cohortLabels: readonly string[]
}

/** A task's profile before and after a commit. */
export interface TaskFold {
  readonly before: Profile | undefined
  readonly after: Profile
}

/**
 * The changes by which tasks tell their cohorts of themselves: at revisions 1 to 4 and whenever a commit passes a power
 * of two, so that a task writes to its cohorts as often as the logarithm of its executions.
 */
export function joinCohorts(
  folds: readonly TaskFold[],
  nowUnixMs: number,
  settings: CohortSettings,
): readonly { readonly key: ProfileKey; readonly change: (before: Profile | undefined) => Profile }[] {
  return folds
    .filter(({ before, after }) => isTold(before?.revision ?? 0, after.revision))
    .flatMap(({ after }) => {
      const { namespace, task } = after.key
      const member = summarise(task, after.revision, after.executions)
      if (member.dimensions.length === 0) return []
      const labels = after.executions.at(-1)?.labels ?? {}
      return cohortKeys({ namespace, task }, labels, settings.cohortLabels).map((key) => ({
        key,
        change: (before: Profile | undefined) => {
          const cohort = before ?? emptyProfile(key, nowUnixMs)
          const members = putMember(cohort.members, member)
          if (members === cohort.members) return cohort
          const lastSeenUnixMs = Math.max(nowUnixMs, cohort.lastSeenUnixMs)
          return { ...cohort, revision: cohort.revision + 1, lastSeenUnixMs, members }
        },
      }))
    })
}

function isTold(before: number, after: number): boolean {
  return after <= 4 || Math.floor(Math.log2(after)) > Math.floor(Math.log2(before))
}
