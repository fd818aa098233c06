import { EventEmitter } from 'node:events'
import CircuitBreaker from 'opossum'
import type { Log } from '../../shared/runtime/log.ts'

/** Why a breaker opens; each has one of its own, so that one kind of failure cannot hide behind another's successes. */
export const failureKinds = ['fault', 'overrun', 'unreliable'] as const

export type FailureKind = (typeof failureKinds)[number]

export interface BreakerSettings {
  /** Window over which failures are counted. */
  readonly windowMs: number
  /** Time after which an open breaker lets one try through. */
  readonly resetMs: number
  /** Opens above this percentage of failures… */
  readonly errorThresholdPercent: number
  /** …of at least this many tries in the window. */
  readonly minTries: number
  /** A poor record counts for its own task; in this many profiles it may count for all. */
  readonly minTriesUnreliable: number
  /** Longest that one strategy may take to fit one profile. */
  readonly fitBudgetMs: number
}

export interface Breakers {
  /** Guards the strategies while one profile is fitted; `settle` counts the tries and gives what was wrong with which. */
  beginFit(budgetMs?: number): FitGuard
  /** Counts a try whose result is known: what was wrong with it, or nothing. */
  report(strategy: string, kind: FailureKind, fault: string | undefined): void
  /** Why the strategy's code is not run for now; `undefined` while it is in service. */
  leftOut(strategy: string): string | undefined
  /** Why it is run, and scored, and not followed for now. */
  unfollowed(strategy: string): string | undefined
  /** Changes whenever a strategy is left out, tried again, or back. */
  readonly epoch: number
  /** Changes whenever a strategy is followed no more, or again. */
  readonly followingEpoch: number
  /** A breaker around calls to another service. `isFailure` tells its failures from its answers. */
  remote(name: string, isFailure: (error: unknown) => boolean): RemoteBreaker
  close(): void
}

export interface RemoteBreaker {
  readonly opened: boolean
  /** Rejects at once while open. */
  run<T>(call: () => Promise<T>): Promise<T>
  /** The other side was reached by another way: closes it before its time. */
  reached(): void
}

export interface FitGuard {
  /** Runs a strategy's code. `undefined` where its breaker is open or it has failed in this fit; never throws. */
  readonly guard: <T>(strategy: string, run: () => T) => T | undefined
  /** Fires the breakers; returns why each strategy that is left out is. Call it once. */
  settle(): ReadonlyMap<string, string>
}

/** What one strategy has done in a fit. */
interface Try {
  /** Of those called in the fit, by when they were first. */
  readonly order: number
  ms: number
  fault: string | undefined
  readonly open: string | undefined
}

const windowBuckets = 10

/**
 * Beyond this many times its budget a strategy is cut short in the middle of a fit. Below, an overrun counts and its work
 * is kept: a busy machine must not change an answer.
 */
const stallFactor = 4

const reasonOpen: Readonly<Record<FailureKind, string>> = {
  fault: 'breaker open: it failed',
  overrun: 'breaker open: it was too slow',
  unreliable: 'breaker open: its record is poor for most tasks',
}

/** One for all profiles: each query reads it. */
const noReasons: ReadonlyMap<string, string> = new Map()

const done = Promise.resolve()

/**
 * Opossum breakers for strategies and remote calls, on one shared timer.
 * An open one comes back by itself: after `resetMs` one try passes, and its success closes it.
 */
export function createBreakers(
  settings: BreakerSettings,
  parts: { readonly monotonicMs: () => number; readonly log: Log },
): Breakers {
  const { monotonicMs, log } = parts
  const rotation = new EventEmitter().setMaxListeners(0)
  const rotate = setInterval(() => rotation.emit('rotate'), settings.windowMs / windowBuckets)
  rotate.unref()
  const strategies = new Map<string, Readonly<Record<FailureKind, CircuitBreaker<[() => void], void>>>>()
  const all: { shutdown(): void }[] = []
  /** Of the breakers that are open: asking opossum for each prediction costs more than many predictions. */
  const open = { leftOut: new Map<string, string>(), unfollowed: new Map<string, string>() }
  let epoch = 0
  let followingEpoch = 0

  function options(name: string, minTries: number): CircuitBreaker.Options {
    return {
      name,
      timeout: false,
      resetTimeout: settings.resetMs,
      rollingCountTimeout: settings.windowMs,
      rollingCountBuckets: windowBuckets,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      rotateBucketController: rotation,
      errorThresholdPercentage: settings.errorThresholdPercent,
      volumeThreshold: minTries,
    }
  }

  function watched<Args extends unknown[], R>(
    name: string,
    breaker: CircuitBreaker<Args, R>,
  ): CircuitBreaker<Args, R> {
    breaker.on('open', () => log.warn({ breaker: name }, 'breaker opened'))
    breaker.on('close', () => log.info({ breaker: name }, 'breaker closed'))
    all.push(breaker)
    return breaker
  }

  function strategyBreaker(strategy: string, kind: FailureKind): CircuitBreaker<[() => void], void> {
    const name = `${strategy}/${kind}`
    const minTries = kind === 'unreliable' ? settings.minTriesUnreliable : settings.minTries
    const run = (work: () => void) => {
      work()
      return done
    }
    const breaker = new CircuitBreaker(run, options(name, minTries) as CircuitBreaker.Options<[() => void]>)
    for (const event of ['open', 'halfOpen', 'close'] as const) {
      breaker.on(event as 'open', () => {
        if (kind === 'unreliable') followingEpoch++
        else epoch++
        noteOpen(strategy)
      })
    }
    return watched(name, breaker)
  }

  function of(strategy: string): Readonly<Record<FailureKind, CircuitBreaker<[() => void], void>>> {
    const known = strategies.get(strategy)
    if (known !== undefined) return known
    const made = {
      fault: strategyBreaker(strategy, 'fault'),
      overrun: strategyBreaker(strategy, 'overrun'),
      unreliable: strategyBreaker(strategy, 'unreliable'),
    }
    strategies.set(strategy, made)
    return made
  }

  function noteOpen(strategy: string): void {
    const { fault, overrun, unreliable } = of(strategy)
    open.leftOut.delete(strategy)
    if (fault.opened) open.leftOut.set(strategy, reasonOpen.fault)
    else if (overrun.opened) open.leftOut.set(strategy, reasonOpen.overrun)
    open.unfollowed.delete(strategy)
    if (unreliable.opened) open.unfollowed.set(strategy, reasonOpen.unreliable)
  }

  // To look a name up costs several times what it does to see that there is none.
  const leftOut = (strategy: string): string | undefined =>
    open.leftOut.size === 0 ? undefined : open.leftOut.get(strategy)

  /** `fire` runs its action before it returns: no fit ever waits for a breaker. */
  function report(strategy: string, kind: FailureKind, fault: string | undefined): void {
    of(strategy)
      [kind].fire(() => {
        if (fault !== undefined) throw new Error(fault)
      })
      .catch(() => {})
  }

  /**
   * The code of all strategies is interleaved, execution by execution, so that each is timed as the laps between calls.
   * The time is measured because no timer fires while synchronous code holds the event loop. Strategies are called in their
   * order: where the one before was called last, its end is the beginning, and the clock is read once a call.
   */
  function beginFit(budgetMs = settings.fitBudgetMs): FitGuard {
    const tries = new Map<string, Try>()
    const last = { order: Number.POSITIVE_INFINITY, endMs: 0 }
    return {
      guard(strategy, run) {
        let entry = tries.get(strategy)
        if (entry === undefined) {
          entry = { order: tries.size, ms: 0, fault: undefined, open: leftOut(strategy) }
          tries.set(strategy, entry)
        }
        if (entry.open !== undefined || entry.fault !== undefined) return undefined
        const startMs = entry.order > last.order ? last.endMs : monotonicMs()
        try {
          return run()
        } catch (error) {
          entry.fault = `failed: ${error instanceof Error ? error.message : String(error)}`
          return undefined
        } finally {
          last.order = entry.order
          last.endMs = monotonicMs()
          entry.ms += last.endMs - startMs
          if (entry.fault === undefined && entry.ms > stallFactor * budgetMs) {
            entry.fault = `stalled: took more than ${stallFactor * budgetMs} ms`
          }
        }
      },
      settle() {
        let reasons: Map<string, string> | undefined
        for (const [strategy, { ms, fault, open }] of tries) {
          const reason = open ?? fault
          if (reason !== undefined) reasons = (reasons ?? new Map<string, string>()).set(strategy, reason)
          if (open !== undefined) continue
          const overran = ms > budgetMs
          report(strategy, 'overrun', overran ? `took ${Math.ceil(ms)} ms` : undefined)
          report(strategy, 'fault', overran ? undefined : fault)
        }
        return reasons ?? noReasons
      },
    }
  }

  return {
    leftOut,
    unfollowed: (strategy) => (open.unfollowed.size === 0 ? undefined : open.unfollowed.get(strategy)),
    report,
    beginFit,
    get epoch() {
      return epoch
    },
    get followingEpoch() {
      return followingEpoch
    },
    remote(name, isFailure) {
      const breaker = watched(
        name,
        new CircuitBreaker((call: () => Promise<unknown>) => call(), {
          ...(options(name, settings.minTries) as CircuitBreaker.Options<[() => Promise<unknown>]>),
          errorFilter: (error: unknown) => !isFailure(error),
        }),
      )
      return {
        get opened() {
          return breaker.opened
        },
        run: (call) => breaker.fire(call) as ReturnType<typeof call>,
        reached: () => breaker.close(),
      }
    },
    close() {
      clearInterval(rotate)
      for (const breaker of all) breaker.shutdown()
    },
  }
}
