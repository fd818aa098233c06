import { unguarded } from '../../services/estimator/domain/ensemble/guard.ts'
import {
  extendProfile,
  type LearnedProfile,
  learnAhead,
  learnProfile,
} from '../../services/estimator/domain/ensemble/learned-profile.ts'
import { createWorkspace } from '../../services/estimator/domain/ensemble/workspace.ts'
import { confidenceOf } from '../../services/estimator/domain/estimate/confidence.ts'
import {
  type Context,
  contextOf,
  type EstimateSettings,
  needsSimilarTasks,
} from '../../services/estimator/domain/estimate/context.ts'
import { estimateOf } from '../../services/estimator/domain/estimate/estimate.ts'
import { withReason } from '../../services/estimator/reason-text.ts'
import type { TokenEstimate } from '../../services/profiler/domain/accuracy.ts'
import { joinCohorts } from '../../services/profiler/domain/cohorts.ts'
import { defaultFoldSettings, foldAll } from '../../services/profiler/domain/fold.ts'
import { cohortKeys, defaultCohortLabels, namespaceKey } from '../../shared/domain/cohort.ts'
import type { Confidence, Estimate, EstimateQuery } from '../../shared/domain/estimate.ts'
import type { ExecutionRecord, Labels } from '../../shared/domain/execution.ts'
import { type Profile, type ProfileKey, profileId } from '../../shared/domain/profile.ts'
import type { Resources } from '../../shared/domain/resources.ts'
import type { TaskKey } from '../../shared/domain/task.ts'

/** The profiler's fold and the estimator's answer as the pure functions that they are, over profiles in memory. */
export interface LocalPair {
  estimate(query: EstimateQuery): Estimate
  confidence(query: EstimateQuery, resources: Resources): Confidence
  /** `estimate` is the one that the execution was sized by, where there was one: it is scored. */
  report(record: ExecutionRecord, nowUnixMs: number, estimate?: Estimate): void
  /** Brings what is learned of the task up to date, as the next estimate would. */
  learn(task: TaskKey): void
  /** As long as it stays the same, so does every answer for the task. */
  version(task: TaskKey, labels: Labels): string
  profile(task: TaskKey): Profile | undefined
}

interface Known {
  readonly profile: Profile
  learned?: LearnedProfile | undefined
}

/** Cohorts kept at most: as many as the profiler keeps of one namespace by default. */
const maxCohorts = 2000

const keyOf = ({ namespace, task }: TaskKey): ProfileKey => ({ namespace, kind: 'task', task })

/** Law: answers depend on what was reported, in its order, and on nothing else: not on a clock, not on the load. */
export function localPair(settings: EstimateSettings): LocalPair {
  const profiles = new Map<string, Known>()
  const cohortSettings = { cohortLabels: defaultCohortLabels }
  const access = { guard: unguarded, faults: new Map(), unfollowed: () => undefined }
  const workspace = createWorkspace()
  const learning = { registry: settings.registry, guard: unguarded, workspace }
  let cohorts = 0

  const profileOf = (key: ProfileKey): Profile | undefined => profiles.get(profileId(key))?.profile

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

  /** What the service does when nobody waits. */
  function learnedAhead(known: Known | undefined): void {
    if (known?.learned?.profile.revision !== known?.profile.revision) return
    if (known?.learned) learnAhead(known.learned, known.profile.executions, learning)
  }

  function put(profile: Profile): void {
    const id = profileId(profile.key)
    profiles.set(id, { profile, learned: profiles.get(id)?.learned })
  }

  function contextFor(query: EstimateQuery): Context {
    const task = learnedOf(keyOf(query.task))
    const similar = needsSimilarTasks(task, settings)
      ? cohortKeys(query.task, query.labels).flatMap((cohort) => learnedOf(cohort) ?? [])
      : []
    const requestRatios = learnedOf(namespaceKey(query.task))?.requestRatios
    const evidence = { task, similar, requestRatios, isUnreachable: false }
    return contextOf(query, evidence, { settings, access, workspace })
  }

  return {
    estimate: (query) => withReason(estimateOf(contextFor(query))),
    confidence: (query, resources) => withReason(confidenceOf(contextFor(query), resources)),

    report(record, nowUnixMs, estimate) {
      const key = keyOf(record.task)
      learnedAhead(profiles.get(profileId(key)))
      const before = profileOf(key)
      const finished = { record, estimate: estimate && scoredPart(estimate) }
      const { profile } = foldAll(before, key, [finished], nowUnixMs, defaultFoldSettings)
      put(profile)
      for (const { key: cohort, change } of joinCohorts(
        [{ before, after: profile }],
        nowUnixMs,
        cohortSettings,
      )) {
        const known = profileOf(cohort)
        if (known === undefined && cohort.kind === 'cohort' && cohorts++ >= maxCohorts) continue
        put(change(known))
      }
    },

    learn: (task) => void learnedOf(keyOf(task)),

    version(task, labels) {
      const own = profileOf(keyOf(task))?.revision
      const ratios = JSON.stringify(learnedOf(namespaceKey(task))?.requestRatios)
      if (own !== undefined && !needsSimilarTasks(learnedOf(keyOf(task)), settings)) return `${own},${ratios}`
      return `${own ?? 0},${cohortKeys(task, labels).map((key) => profileOf(key)?.revision ?? 0)}`
    },

    profile: (task) => profileOf(keyOf(task)),
  }
}

/** What the token carries from the estimator to the profiler. */
function scoredPart({ variant = '', dimensions }: Estimate): TokenEstimate {
  return { variant, dimensions }
}
