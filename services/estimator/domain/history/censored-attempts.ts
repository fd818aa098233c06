/**
 * An attempt that was killed for want of a dimension and whose execution has not come back since: its need is above
 * `above`. Its weight fades as other executions come back.
 */
export interface CensoredAttempt {
  readonly above: number
  /** Which attempt of its execution it was, from 1. */
  readonly attempt: number
  /** The median that was predicted of its need, a logarithm; unset where nothing was. */
  readonly predicted: number | undefined
  weight: number
}

const most = 16
const fading = 0.8
const forgotten = 0.05

/** What an execution's latest attempt was killed at says all that those before it said. */
export function addCensored(
  attempts: CensoredAttempt[],
  above: number,
  attempt: number,
  predicted: number | undefined,
): void {
  removeOwn(attempts, above, attempt)
  attempts.push({ above, attempt, predicted, weight: 1 })
  if (attempts.length > most) attempts.shift()
}

/** An execution that succeeded takes out what its own attempt before was killed at; the rest fades. */
export function settleCensored(attempts: CensoredAttempt[], need: number, attempt: number): void {
  removeOwn(attempts, need, attempt)
  for (let i = attempts.length - 1; i >= 0; i--) {
    const one = attempts[i] as CensoredAttempt
    one.weight *= fading
    if (one.weight < forgotten) attempts.splice(i, 1)
  }
}

/**
 * The latest that may be the attempt before: its number is one less, and it had less. Where none is, the attempt before was lost,
 * or was started again with the same: then the latest before that may be of the same execution.
 */
function removeOwn(attempts: CensoredAttempt[], above: number, attempt: number): void {
  const before = attempts.findLastIndex((one) => one.attempt === attempt - 1 && one.above < above)
  const own =
    before >= 0 ? before : attempts.findLastIndex((one) => one.attempt < attempt && one.above <= above)
  if (own >= 0) attempts.splice(own, 1)
}

/** What needs are known to exceed; undefined where no attempt was killed of late. */
export function highestCensored(attempts: readonly CensoredAttempt[]): number | undefined {
  let highest: number | undefined
  for (const { above } of attempts) if (highest === undefined || above > highest) highest = above
  return highest
}
