import { createBreakers } from '../../services/estimator/breaker.ts'
import { answerSettings, breakerSettings, estimatorConfig } from '../../services/estimator/config.ts'
import { strategies } from '../../services/estimator/domain/strategies/index.ts'
import { createEstimator } from '../../services/estimator/estimator.ts'
import type { HeldProfile } from '../../services/estimator/held-profiles.ts'
import { learnedProfiles } from '../../services/estimator/learned-profiles.ts'
import { joinCohorts } from '../../services/profiler/domain/cohorts.ts'
import { defaultFoldSettings, foldAll } from '../../services/profiler/domain/fold.ts'
import { type Profile, type ProfileKey, profileId } from '../../shared/domain/profile.ts'
import { systemClock } from '../../shared/runtime/clock.ts'
import { createLog } from '../../shared/runtime/log.ts'
import type { Pair } from './pair.ts'
import { queryOf, recordOf } from './records.ts'

/** Profiles of one namespace that the profiler holds at most, by default; a backtest in this process does the same. */
const maxCohorts = 1000

/** The profiler's fold and the estimator as the services compose them, without the wire and without a store. */
export function localPair(defaultMemoryBytes: number): Pair {
  const config = estimatorConfig.parse({
    updateIntervalMs: 0,
    maxModels: 1_000_000,
    maxAnswers: 0,
    defaultMemoryBytes,
  })
  const { monotonicMs } = systemClock
  const log = createLog('evaluate', 'silent')
  const breakers = createBreakers(breakerSettings(config), { monotonicMs, log })
  const profiles = new Map<string, { readonly profile: Profile; readonly held: HeldProfile }>()
  const estimateUs: number[] = []
  const updateUs: number[] = []
  const nowUnixMs = Date.now()
  let versions = 0
  let cohorts = 0

  const lookup = (key: ProfileKey) => profiles.get(profileId(key))?.held ?? 'unknown'
  const replica = {
    lookup,
    fetch: async (key: ProfileKey) => lookup(key),
    stalenessMs: () => 0,
    profiles: 0,
    bytes: 0,
    close: async () => {},
  }
  const learned = learnedProfiles(config, { breakers, registry: strategies, monotonicMs, log })
  const estimator = createEstimator(
    { ...answerSettings(config, strategies), ...config },
    { replica, learned, breakers, monotonicMs },
  )

  function put(profile: Profile): void {
    profiles.set(profileId(profile.key), { profile, held: { version: ++versions, read: () => profile } })
  }

  function tellCohorts(before: Profile | undefined, after: Profile): void {
    for (const { key, change } of joinCohorts([{ before, after }], nowUnixMs, config)) {
      const known = profiles.get(profileId(key))?.profile
      if (known === undefined && key.kind === 'cohort' && cohorts++ >= maxCohorts) continue
      put(change(known))
    }
  }

  return {
    timings: { estimateUs, updateUs },
    async estimate(queries) {
      const answers = []
      for (const query of queries) {
        const startMs = performance.now()
        const answered = estimator.estimate(query)
        const tookUs = (performance.now() - startMs) * 1000
        const answer = await answered
        if (answer.source === 'profile') estimateUs.push(tookUs)
        answers.push(answer)
      }
      return answers
    },
    confidence: async (query, resources) => estimator.confidence(query, resources),
    async report(record) {
      const key: ProfileKey = { ...record.task, kind: 'task' }
      const before = profiles.get(profileId(key))?.profile
      const { profile } = foldAll(before, key, [{ record }], nowUnixMs, defaultFoldSettings)
      put(profile)
      tellCohorts(before, profile)
      const startMs = performance.now()
      learned.get(key, lookup(key))
      updateUs.push((performance.now() - startMs) * 1000)
    },
    async close() {
      breakers.close()
    },
  }
}

const warmUpExecutions = 1500

/**
 * Runs generated executions through a pair of its own. The first thousand calls in a process run while they are being
 * compiled: in a short trace they, not the estimator, would be the 99th percentile.
 */
export async function warmUp(): Promise<void> {
  const pair = localPair(4e9)
  for (let i = 0; i < warmUpExecutions; i++) {
    const inputBytes = 1e6 * (1 + ((i * 7919) % 97))
    const row = {
      task: `task-${i % 3}`,
      completed: true,
      features: { input_bytes: inputBytes, threads: 1 + (i % 4) },
      labels: { tool: `tool-${i % 2}` },
      peakMemoryBytes: 1e8 + 3 * inputBytes * (1 + 0.1 * Math.sin(i)),
      durationMs: 1000 + inputBytes / 1e3,
      cpuCores: 1 + (i % 4),
    }
    await pair.estimate([queryOf(row, {}, false)])
    await pair.report(recordOf(row, `warm-up-${i}`, false))
  }
  await pair.close()
}
