import { unguarded } from '../../services/estimator/domain/ensemble/guard.ts'
import {
  extendProfile,
  type LearnedProfile,
  learnProfile,
} from '../../services/estimator/domain/ensemble/learned-profile.ts'
import { createWorkspace } from '../../services/estimator/domain/ensemble/workspace.ts'
import {
  contextOf,
  type EstimateSettings,
  needsSimilarTasks,
  type StrategyAccess,
} from '../../services/estimator/domain/estimate/context.ts'
import { estimateOf } from '../../services/estimator/domain/estimate/estimate.ts'
import { withReason } from '../../services/estimator/reason-text.ts'
import type { TokenEstimate } from '../../services/profiler/domain/accuracy.ts'
import { joinCohorts } from '../../services/profiler/domain/cohorts.ts'
import { defaultFoldSettings, foldAll } from '../../services/profiler/domain/fold.ts'
import { cohortKeys, defaultCohortLabels } from '../../shared/domain/cohort.ts'
import type { Estimate, EstimateQuery } from '../../shared/domain/estimate.ts'
import type { ExecutionRecord, Labels } from '../../shared/domain/execution.ts'
import { type Profile, type ProfileKey, profileId } from '../../shared/domain/profile.ts'
import type { TaskKey } from '../../shared/domain/task.ts'

/** The profiler's fold and the estimator's answer as the pure functions that they are, over profiles in memory. */
export interface Learning {
  estimate(query: EstimateQuery): Estimate
  /** `estimate` is the one that the execution was sized by, where there was one: it is scored. */
  observe(record: ExecutionRecord, nowUnixMs: number, estimate?: Estimate): void
  /** As long as it stays the same, so does every answer for the task. */
  version(task: TaskKey, labels: Labels): string
  profile(task: TaskKey): Profile | undefined
}

interface Known {
  readonly profile: Profile
  learned?: LearnedProfile | undefined
}

const keyOf = ({ namespace, task }: TaskKey): ProfileKey => ({ namespace, kind: 'task', task })

/** Law: answers depend on what was observed, in its order, and on nothing else. */
export function createLearning(settings: EstimateSettings): Learning {
  const profiles = new Map<string, Known>()
  const cohortSettings = { cohortLabels: defaultCohortLabels }
  const access: StrategyAccess = { guard: unguarded, faults: new Map(), unfollowed: () => undefined }
  const workspace = createWorkspace()
  const learning = { registry: settings.registry, guard: unguarded, workspace }

  function learnedOf(key: ProfileKey): LearnedProfile | undefined {
    const known = profiles.get(profileId(key))
    if (known === undefined) return undefined
    if (known.learned?.profile.revision !== known.profile.revision) {
      const { learned: before, profile } = known
      const extended = before === undefined ? undefined : extendProfile(before, profile, learning)
      const learned = extended ?? learnProfile(profile, learning)
      known.learned = { ...learned, leftOut: new Map() }
    }
    return known.learned
  }

  function put(profile: Profile): void {
    const id = profileId(profile.key)
    profiles.set(id, { profile, learned: profiles.get(id)?.learned })
  }

  return {
    estimate(query) {
      const task = learnedOf(keyOf(query.task))
      const similar = needsSimilarTasks(task, settings)
        ? cohortKeys(query.task, query.labels).flatMap((key) => learnedOf(key) ?? [])
        : []
      const evidence = { task, similar, isUnreachable: false }
      return withReason(estimateOf(contextOf(query, evidence, { settings, access, workspace })))
    },

    observe(record, nowUnixMs, estimate) {
      const key = keyOf(record.task)
      const before = profiles.get(profileId(key))?.profile
      const finished = { record, estimate: estimate && scoredPart(estimate) }
      const { profile } = foldAll(before, key, [finished], nowUnixMs, defaultFoldSettings)
      put(profile)
      for (const { key: cohort, change } of joinCohorts(
        [{ before, after: profile }],
        nowUnixMs,
        cohortSettings,
      )) {
        put(change(profiles.get(profileId(cohort))?.profile))
      }
    },

    version(task, labels) {
      const own = profiles.get(profileId(keyOf(task)))?.profile.revision
      if (own !== undefined && !needsSimilarTasks(learnedOf(keyOf(task)), settings)) return `${own}`
      const similar = cohortKeys(task, labels).map(
        (key) => profiles.get(profileId(key))?.profile.revision ?? 0,
      )
      return `${own ?? 0},${similar.join(',')}`
    },

    profile: (task) => profiles.get(profileId(keyOf(task)))?.profile,
  }
}

/** What the token carries from the estimator to the profiler. */
function scoredPart({ variant, dimensions }: Estimate): TokenEstimate {
  return { variant, dimensions }
}
