import { setTimeout as delay } from 'node:timers/promises'

/** Time as an argument. Two hosts' clocks are never subtracted. */
export interface Clock {
  /** Wall time in Unix milliseconds. May jump. */
  nowUnixMs(): number
  /** Milliseconds since an arbitrary start. Never goes back. */
  monotonicMs(): number
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  nowUnixMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
}
