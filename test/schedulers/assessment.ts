import type { Attempt, SchedulerOutcome } from './scheduler.ts'

/** What was tried of a scheduler, in numbers. */
export interface Assessment {
  /** Tasks that completed as requested. */
  readonly learned: number
  /** Tasks that completed as sized. */
  readonly sized: number
  /** Sized attempts that were killed for memory. */
  readonly killed: number
  /** Tasks that completed while foresize was stopped. */
  readonly away: number
  /** Memory-time of the sized attempts, in gigabyte-seconds. What a killed one used was of no use. */
  readonly needed: number
  readonly requested: number
  readonly given: number
  /** What does not hold, for a person. */
  readonly faults: readonly string[]
}

const leastTasks = 10

export function assess({ attempts }: SchedulerOutcome): Assessment {
  const completed = (phase: Attempt['phase']) =>
    attempts.filter((attempt) => attempt.phase === phase && attempt.ended === 'completed')
  const sized = attempts.filter(({ phase }) => phase === 'sized')
  const numbers = {
    learned: completed('learned').length,
    sized: completed('sized').length,
    killed: sized.filter(({ ended }) => ended === 'killed').length,
    away: completed('away').length,
    needed: gigabyteSeconds(completed('sized'), ({ neededBytes }) => neededBytes),
    requested: gigabyteSeconds(completed('sized'), ({ requestedBytes }) => requestedBytes),
    given: gigabyteSeconds(sized, ({ givenBytes }) => givenBytes),
  }
  const faults = [
    numbers.learned < leastTasks && `only ${numbers.learned} tasks completed as requested`,
    numbers.sized < leastTasks && `only ${numbers.sized} tasks completed as sized`,
    numbers.away === 0 && 'no task completed while foresize was stopped',
    numbers.given >= numbers.requested && 'the sized tasks were given no less than they request',
    !followsInput(completed('sized')) && 'what is given does not follow the input',
    ...attempts.map(
      ({ phase, ended, inputBytes }) => ended === 'failed' && `failed: ${phase}, input ${inputBytes}`,
    ),
    ...attempts.map(
      ({ phase, ended, inputBytes }) =>
        ended === 'killed' && phase !== 'sized' && `killed as requested: ${phase}, input ${inputBytes}`,
    ),
  ].filter((fault) => fault !== false)
  return { ...numbers, faults }
}

function gigabyteSeconds(attempts: readonly Attempt[], bytes: (attempt: Attempt) => number): number {
  return attempts.reduce((sum, attempt) => sum + (bytes(attempt) / 1e9) * (attempt.durationMs / 1000), 0)
}

/** Whether the half with the larger inputs was given more on average. */
function followsInput(attempts: readonly Attempt[]): boolean {
  const byInput = attempts.toSorted((a, b) => a.inputBytes - b.inputBytes)
  const half = Math.floor(byInput.length / 2)
  const mean = (some: readonly Attempt[]) =>
    some.reduce((sum, { givenBytes }) => sum + givenBytes, 0) / some.length
  return mean(byInput.slice(-half)) > mean(byInput.slice(0, half))
}
