import { Outcome } from '../contract/gen/foresize/v1/execution_pb.js'

export const outcomeWords: Readonly<Record<Outcome, string>> = {
  [Outcome.UNSPECIFIED]: 'unknown',
  [Outcome.SUCCEEDED]: 'succeeded',
  [Outcome.FAILED]: 'failed by itself',
  [Outcome.OUT_OF_MEMORY]: 'killed for memory',
  [Outcome.TIMED_OUT]: 'killed at its time limit',
  [Outcome.EVICTED]: 'evicted',
  [Outcome.CANCELLED]: 'cancelled',
  [Outcome.LOST]: 'lost',
}

/** Killed for want of what it was given. */
export const isKilled = (outcome: Outcome): boolean =>
  outcome === Outcome.OUT_OF_MEMORY || outcome === Outcome.TIMED_OUT
