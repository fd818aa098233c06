export interface SamplingSettings {
  /** Executions of one task a second that are reported one by one; above, a fraction. Default 50. */
  readonly maxReportedPerSecond: number
  /** Samples of one task a second; above, they come further apart. Default 500. */
  readonly maxSamplesPerSecond: number
  /** Memory of the rate, milliseconds. Default 10,000. */
  readonly rateWindowMs: number
}

export const defaultSamplingSettings: SamplingSettings = {
  maxReportedPerSecond: 50,
  maxSamplesPerSecond: 500,
  rateWindowMs: 10_000,
}

/** How often a task runs. */
export interface TaskRate {
  /** Executions a second, those not reported included. */
  readonly perSecond: number
  /** Monotonic milliseconds. */
  readonly atMs: number
  /** Share to report: 1, 1/2, 1/4… */
  readonly fraction: number
}

export const newTaskRate = (nowMs: number): TaskRate => ({ perSecond: 0, atMs: nowMs, fraction: 1 })

/**
 * Adds executions that began. `weight` is what they stand for, so that the rate stays true while only a fraction is
 * reported. The fraction moves by halves, and back only at a quarter less than where it moved, so that it does not
 * flutter.
 */
export function observeRate(
  before: TaskRate,
  weight: number,
  nowMs: number,
  settings: SamplingSettings,
): TaskRate {
  const kept = Math.exp(-(nowMs - before.atMs) / settings.rateWindowMs)
  const perSecond = before.perSecond * kept + (weight * 1000) / settings.rateWindowMs
  const reported = perSecond * before.fraction
  let { fraction } = before
  if (reported > settings.maxReportedPerSecond)
    fraction = fractionFor(perSecond, settings.maxReportedPerSecond)
  else if (fraction < 1 && reported < settings.maxReportedPerSecond * 0.375) {
    fraction = fractionFor(perSecond / 0.75, settings.maxReportedPerSecond)
  }
  return { perSecond, atMs: nowMs, fraction }
}

function fractionFor(perSecond: number, most: number): number {
  return perSecond <= most ? 1 : Math.max(2 ** -Math.ceil(Math.log2(perSecond / most)), smallestFraction)
}

/** The weight on the wire is at most 1e6. */
const smallestFraction = 2 ** -19

/** Least milliseconds between two samples of one execution, while so many executions of the task are open. */
export function sampleIntervalMs(openExecutions: number, settings: SamplingSettings): number {
  const intervalMs = (openExecutions * 1000) / settings.maxSamplesPerSecond
  return intervalMs <= 10 ? 0 : 2 ** Math.ceil(Math.log2(intervalMs))
}
