import { setTimeout as delay } from 'node:timers/promises'

/** Time as an argument. Two hosts' clocks are never subtracted. */
export interface Clock {
  /** Unix milliseconds, whole. Never jumps: what is counted from one time to another is not cut short by it. */
  nowUnixMs(): number
  /** Milliseconds since an arbitrary start. Never goes back. */
  monotonicMs(): number
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/**
 * The wall clock as it was when the process began, carried on by the monotonic one: a step of the wall clock closes,
 * expires and decays nothing. A date that somebody else has written, such as a token's end, is held against `Date.now()`.
 */
const beganUnixMs = Date.now() - performance.now()

export const systemClock: Clock = {
  nowUnixMs: () => Math.round(beganUnixMs + performance.now()),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
}

/** A clock whose Unix time can be told to be that of others. */
export interface FollowingClock extends Clock {
  /** @param unixMs what it is now. */
  follow(unixMs: number): void
}

export function followingClock(clock: Clock): FollowingClock {
  let aheadMs = 0
  return {
    ...clock,
    nowUnixMs: () => clock.nowUnixMs() + aheadMs,
    follow(unixMs) {
      aheadMs = unixMs - clock.nowUnixMs()
    },
  }
}
