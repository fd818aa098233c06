import { quantileOf } from './metrics.ts'

export interface MethodScore {
  /** Memory-time given and not used, failed attempts whole; null where no run times are known. */
  readonly wastage_gb_hours: number | null
  /** The same without times. */
  readonly wastage_gb: number
  /** Attempts that failed. */
  readonly failures: number
  /** Executions with at least one of them. */
  readonly failed_executions: number
  /** Median of what the attempt that sufficed was given over what it used. */
  readonly median_over_allocation: number
}

/** What a method gave, and what came of it. 1 GB is 10⁹ bytes. */
export interface Ledger {
  begin(
    needBytes: number,
    hours: number,
  ): {
    /** Books one attempt; true where there is no further one: it sufficed, or nothing more can be given. */
    attempt(givenBytes: number): boolean
  }
  score(timed: boolean): MethodScore
}

/** Attempts at one execution. A method that raises too timidly is stopped here. */
const maxAttempts = 40

export function ledger(options: { readonly timeToFailure: number; readonly capBytes: number }): Ledger {
  let wastageGbHours = 0
  let wastageGb = 0
  let failures = 0
  let failedExecutions = 0
  const overAllocations: number[] = []

  return {
    begin(needBytes, hours) {
      let attempts = 0
      return {
        attempt(givenBytes) {
          attempts++
          if (givenBytes >= needBytes) {
            wastageGb += (givenBytes - needBytes) / 1e9
            wastageGbHours += ((givenBytes - needBytes) / 1e9) * hours
            overAllocations.push(givenBytes / needBytes)
            return true
          }
          if (attempts === 1) failedExecutions++
          failures++
          wastageGb += (givenBytes / 1e9) * options.timeToFailure
          wastageGbHours += (givenBytes / 1e9) * options.timeToFailure * hours
          return givenBytes >= options.capBytes || attempts >= maxAttempts
        },
      }
    },
    score: (timed) => ({
      wastage_gb_hours: timed ? wastageGbHours : null,
      wastage_gb: wastageGb,
      failures,
      failed_executions: failedExecutions,
      median_over_allocation: overAllocations.length === 0 ? 0 : quantileOf(overAllocations, 0.5),
    }),
  }
}
