/**
 * When a run that needs more memory than it was given is killed: share of its run time that has passed, by the share of
 * its peak that it was given.
 * Source: 226 executions of the seven most frequent tasks of nf-core/eager, sampled every 2 s (k-Segments traces, Bader
 * et al., 2023): how long until memory first went above that share of the peak, on average.
 */
const measured = [
  [0, 0],
  [0.5, 0.1],
  [0.8, 0.3],
  [0.9, 0.47],
  [0.95, 0.64],
  [1, 1],
] as const

/** A share of the run, the same for every kill; or as measured. */
export type TimeToFailure = number | 'measured'

/** Law: from 0 to 1; as measured, it grows with what was given. */
export function shareUntilKilled(
  givenBytes: number,
  peakBytes: number,
  timeToFailure: TimeToFailure,
): number {
  if (timeToFailure !== 'measured') return timeToFailure
  const given = givenBytes / peakBytes
  let [lowGiven, lowShare]: readonly [number, number] = measured[0]
  for (const [highGiven, highShare] of measured) {
    if (given <= highGiven) {
      const width = highGiven - lowGiven
      return width > 0 ? lowShare + ((given - lowGiven) / width) * (highShare - lowShare) : highShare
    }
    lowGiven = highGiven
    lowShare = highShare
  }
  return 1
}
