import type { Resources } from '../../../shared/domain/resources.ts'

/** One execution that has ended: what it was given, what foresize would have given, what it used. */
export interface SizedUse {
  readonly given: Resources
  /** Unset where foresize had no answer; then it would have given what was given. */
  readonly advised: Resources | undefined
  readonly used: Resources
}

/** Over executions whose peak memory and run time are known. Units: bytes times milliseconds. */
export interface Savings {
  readonly executions: number
  /** Of those, with an answer from foresize. */
  readonly advised: number
  readonly usedByteMs: number
  readonly givenByteMs: number
  /** What foresize would have given; one that it would have made fail is counted once more, at what was given. */
  readonly advisedByteMs: number
  /** Executions that used more than was given. */
  readonly overruns: number
  /** Executions that used more than foresize would have given. */
  readonly advisedOverruns: number
}

export const noSavings: Savings = {
  executions: 0,
  advised: 0,
  usedByteMs: 0,
  givenByteMs: 0,
  advisedByteMs: 0,
  overruns: 0,
  advisedOverruns: 0,
}

export function addSavings(savings: Savings, { given, advised, used }: SizedUse): Savings {
  const { memoryBytes: usedBytes, durationMs } = used
  const givenBytes = given.memoryBytes
  if (usedBytes === undefined || durationMs === undefined || givenBytes === undefined) return savings
  const advisedBytes = advised?.memoryBytes ?? givenBytes
  const isOverrun = usedBytes > advisedBytes
  return {
    executions: savings.executions + 1,
    advised: savings.advised + (advised?.memoryBytes === undefined ? 0 : 1),
    usedByteMs: savings.usedByteMs + usedBytes * durationMs,
    givenByteMs: savings.givenByteMs + givenBytes * durationMs,
    advisedByteMs: savings.advisedByteMs + (advisedBytes + (isOverrun ? givenBytes : 0)) * durationMs,
    overruns: savings.overruns + (usedBytes > givenBytes ? 1 : 0),
    advisedOverruns: savings.advisedOverruns + (isOverrun ? 1 : 0),
  }
}
