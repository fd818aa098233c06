/**
 * An attempt that was killed for want of a dimension and whose task has not come back since: its need is above
 * `above`. Its weight fades as other executions come back.
 */
export interface CensoredAttempt {
  readonly above: number
  weight: number
}

const most = 16
const fading = 0.8
const forgotten = 0.05

export function addCensored(attempts: CensoredAttempt[], above: number): void {
  attempts.push({ above, weight: 1 })
  if (attempts.length > most) attempts.shift()
}

/** An execution that succeeded takes out what its own attempts before were killed at; the rest fades. */
export function settleCensored(attempts: CensoredAttempt[], need: number, attempt: number): void {
  let own = attempt - 1
  for (let i = attempts.length - 1; i >= 0; i--) {
    const one = attempts[i] as CensoredAttempt
    one.weight *= fading
    if (own > 0 && one.above < need) {
      attempts.splice(i, 1)
      own--
    } else if (one.weight < forgotten) attempts.splice(i, 1)
  }
}

/** What needs are known to exceed; undefined where no attempt was killed of late. */
export function highestCensored(attempts: readonly CensoredAttempt[]): number | undefined {
  let highest: number | undefined
  for (const { above } of attempts) if (highest === undefined || above > highest) highest = above
  return highest
}
