import { atOnce } from '../../shared/domain/at-once.ts'
import { ForesizeError } from '../../shared/domain/errors.ts'
import { type Profile, profileKeyOf } from '../../shared/domain/profile.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { recentlyUsed } from '../../shared/runtime/recently-used.ts'
import { inTurns, turn } from '../../shared/runtime/turns.ts'
import type { Breakers } from './breaker.ts'
import { unguarded } from './domain/ensemble/guard.ts'
import {
  executionsToLearn,
  extendProfile,
  type LearnedProfile,
  learnAhead,
  learnInSteps,
  learnProfile,
} from './domain/ensemble/learned-profile.ts'
import { createWorkspace } from './domain/ensemble/workspace.ts'
import type { Registry } from './domain/strategies/strategy.ts'
import type { HeldProfile } from './held-profiles.ts'
import type { Lookup } from './replica.ts'

export interface LearnedProfilesSettings {
  /** A profile that changes is learned anew at most this often. 0: at every change. */
  readonly updateIntervalMs: number
  /** Once profiles were learned anew for this long in one turn of the event loop, older models answer for the others. */
  readonly refitBudgetMs: number
  /** Fitted models held. */
  readonly maxModels: number
  /** A strategy that failed on a profile is tried on it again after this time. */
  readonly retryMs: number
  /** A profile's record counts for or against the strategies at large at most once in this time. */
  readonly breakerWindowMs: number
}

export interface LearnedProfiles {
  /** Of what a lookup or a fetch of that id found. `unknown`: there is no such profile. `not-held`: it must be fetched first. */
  get(id: string, found: Lookup): LearnedProfile | 'unknown' | 'not-held'
  /**
   * Learns a profile of which nothing is known yet, or that has changed a lot, so that others go on in between; undefined
   * where `get` is quick.
   */
  prepare(id: string, found: Lookup): Promise<void> | undefined
}

/** Executions that a model is extended by without a rest. */
const learnedAtOnce = 16

interface Memo {
  readonly version: number
  readonly epoch: number
  readonly refreshedAtMs: number
  /** When its record last counted for or against the strategies at large. */
  readonly recordedAtMs: number
  /** `undefined` where the profile could not be read. */
  readonly learned: LearnedProfile | undefined
}

/**
 * What was learned of each profile asked for, least recently asked first out.
 * Law: what is answered depends on the profile and on which breakers are open, never on what was held before.
 */
export function learnedProfiles(
  settings: LearnedProfilesSettings,
  parts: {
    readonly breakers: Breakers
    readonly registry: Registry
    readonly monotonicMs: () => number
    readonly log: Log
  },
): LearnedProfiles {
  const { breakers, registry, monotonicMs, log } = parts
  const workspace = createWorkspace()
  const memos = recentlyUsed<Memo>(settings.maxModels)
  const preparing = new Map<string, Promise<void>>()
  /** Profiles that were read to see how much has changed, for `get`. */
  const decoded = new WeakMap<HeldProfile, Profile>()

  /** Spent on learning anew in this turn of the event loop; undefined before the first such profile of a turn. */
  let spentMs: number | undefined

  function spend(ms: number): void {
    if (spentMs === undefined) setImmediate(() => (spentMs = undefined))
    spentMs = (spentMs ?? 0) + ms
  }

  function refresh(id: string, held: HeldProfile, before: Memo | undefined): Memo {
    const { epoch } = breakers
    const nowMs = monotonicMs()
    return memoOf(held, epoch, nowMs, read(id, held, reusable(before)), before)
  }

  function memoOf(
    { version }: HeldProfile,
    epoch: number,
    nowMs: number,
    learned: LearnedProfile | undefined,
    before: Memo | undefined,
  ): Memo {
    const due = before === undefined || nowMs - before.recordedAtMs >= settings.breakerWindowMs
    const counts = due && learned !== undefined && reportRecord(learned)
    const recordedAtMs = counts ? nowMs : (before?.recordedAtMs ?? Number.NEGATIVE_INFINITY)
    if (before !== undefined) spend(monotonicMs() - nowMs)
    return { version, epoch, refreshedAtMs: nowMs, recordedAtMs, learned }
  }

  function read(
    id: string,
    held: HeldProfile,
    before: LearnedProfile | undefined,
  ): LearnedProfile | undefined {
    try {
      const profile = decoded.get(held) ?? atOnce(held.read())
      decoded.delete(held)
      const fit = breakers.beginFit()
      const learning = { registry, guard: fit.guard, workspace }
      const extended = before === undefined ? undefined : extendProfile(before, profile, learning)
      const next = extended ?? learnProfile(profile, learning)
      const learned = { ...next, leftOut: fit.settle() }
      void aheadLater(id, learned, profile.executions)
      return learned
    } catch (error) {
      if (!(error instanceof ForesizeError)) throw error
      log.warn(
        { err: error, profile: profileKeyOf(id) },
        'a profile cannot be read and is answered for as if unknown',
      )
      return undefined
    }
  }

  /** Unless it was learned anew by then. */
  async function aheadLater(
    id: string,
    learned: LearnedProfile,
    executions: Parameters<typeof learnAhead>[1],
  ): Promise<void> {
    await turn.rest()
    if (memos.peek(id)?.learned !== learned) return
    learnAhead(learned, executions, { registry, guard: unguarded, workspace })
  }

  async function learnInTurns(id: string, held: HeldProfile): Promise<void> {
    const before = memos.peek(id)
    const profile = await inTurns(held.read())
    if (before !== undefined && isQuick(before, held, profile)) return
    const { epoch } = breakers
    const fit = breakers.beginFit()
    const learned = await inTurns(learnInSteps(profile, { registry, guard: fit.guard, workspace }))
    if (memos.peek(id) !== before) return
    memos.set(id, memoOf(held, epoch, monotonicMs(), { ...learned, leftOut: fit.settle() }, before))
  }

  /** `get` may learn it in one turn, and need not read it again. */
  function isQuick(before: Memo, held: HeldProfile, profile: Profile): boolean {
    if (executionsToLearn(reusable(before), profile) > learnedAtOnce) return false
    decoded.set(held, profile)
    return true
  }

  /** Undefined where it is not; `get` says so. */
  function readable(held: HeldProfile): Profile | undefined {
    try {
      return atOnce(held.read())
    } catch (error) {
      if (!(error instanceof ForesizeError)) throw error
      return undefined
    }
  }

  const reusable = (memo: Memo | undefined): LearnedProfile | undefined =>
    memo?.epoch === breakers.epoch && memo.learned?.leftOut.size === 0 ? memo.learned : undefined

  /** Each profile counts once a window, however often it is learned. Returns whether it had anything to say. */
  function reportRecord({ poor, judged }: LearnedProfile): boolean {
    for (const strategy of judged) {
      const dimension = poor.find((entry) => entry.strategy === strategy)?.dimension
      const fault = dimension === undefined ? undefined : `its record in ${dimension} is poor`
      breakers.report(strategy, 'unreliable', fault)
    }
    return judged.length > 0
  }

  const isYoung = (memo: Memo) => monotonicMs() - memo.refreshedAtMs < settings.updateIntervalMs

  function isCurrent(memo: Memo, found: HeldProfile): boolean {
    if (memo.epoch !== breakers.epoch) return false
    if (memo.version !== found.version && !isYoung(memo) && !mayWait(memo)) return false
    return !isMaimed(memo) || monotonicMs() - memo.refreshedAtMs < settings.retryMs
  }

  /** Those that were learned anew are young for a while, so that the next turn comes to the others. */
  function mayWait({ learned }: Memo): boolean {
    return learned !== undefined && settings.updateIntervalMs > 0 && (spentMs ?? 0) >= settings.refitBudgetMs
  }

  /** A strategy that failed once, with its breaker closed, may do better the next time. */
  function isMaimed({ learned }: Memo): boolean {
    for (const strategy of learned?.leftOut.keys() ?? []) {
      if (breakers.leftOut(strategy) === undefined) return true
    }
    return false
  }

  return {
    get(id, found) {
      const memo = memos.get(id)
      if (found === 'unknown') {
        memos.delete(id)
        return 'unknown'
      }
      if (found === 'not-held')
        return (memo !== undefined && isYoung(memo) ? memo.learned : undefined) ?? 'not-held'

      const next = memo !== undefined && isCurrent(memo, found) ? memo : refresh(id, found, memo)
      if (next !== memo) memos.set(id, next)
      return next.learned ?? 'unknown'
    },
    prepare(id, found) {
      const memo = memos.peek(id)
      if (typeof found === 'string') return undefined
      if (memo !== undefined && (decoded.has(found) || isCurrent(memo, found))) return undefined
      const underWay = preparing.get(id)
      if (underWay !== undefined) return underWay
      if (memo !== undefined) {
        const profile = found.isLarge ? undefined : readable(found)
        if (profile !== undefined && isQuick(memo, found, profile)) return undefined
      }
      const prepared = learnInTurns(id, found)
        .catch((error: unknown) => {
          // `get` says so.
          if (!(error instanceof ForesizeError)) throw error
        })
        .finally(() => preparing.delete(id))
      preparing.set(id, prepared)
      return prepared
    },
  }
}
