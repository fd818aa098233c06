import { failureCostOf } from '../../services/estimator/domain/allocation/failure-cost.ts'
import { newsvendor } from '../../services/estimator/domain/allocation/newsvendor.ts'
import { retryAmount } from '../../services/estimator/domain/allocation/retry.ts'
import { balanced } from '../../services/estimator/domain/allocation/risk-profile.ts'
import { quantile } from '../../services/estimator/domain/distribution/distribution.ts'
import { distributionWorkspace } from '../../services/estimator/domain/distribution/workspace.ts'
import { weighed } from './distributions.ts'
import { randomOf } from './random.ts'

/** A task whose truth is known: what one execution needs, given its input and when it runs. */
export interface GeneratedWork {
  readonly name: string
  /** Input of the i-th execution, bytes. */
  input(i: number, random: () => number): number
  /** Need in bytes, drawn. */
  need(i: number, input: number, random: () => number): number
}

/** Standard normal. Source: Box & Muller, 1958. */
export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

const noise = (random: () => number, spread: number) => Math.exp(spread * normal(random))
const anyInput = (_i: number, random: () => number) => (1 + 9 * random()) * 1e8

export const constantWork: GeneratedWork = { name: 'constant', input: anyInput, need: () => 1.5e9 }

export const linearWork: GeneratedWork = {
  name: 'linear in size',
  input: anyInput,
  need: (_i, input, random) => (3e8 + 4 * input) * noise(random, 0.03),
}

/** Nothing known before the run tells which. */
export const bimodalWork: GeneratedWork = {
  name: 'bimodal',
  input: anyInput,
  need: (_i, _input, random) => (random() < 0.7 ? 1e9 : 3e9) * noise(random, 0.03),
}

/** Log-normal: the largest of a hundred is about six times the median. */
export const heavyTailWork: GeneratedWork = {
  name: 'heavy tail',
  input: anyInput,
  need: (_i, _input, random) => 8e8 * noise(random, 0.7),
}

/** Twice as much after every 300 executions. */
export const driftingWork: GeneratedWork = {
  name: 'drift',
  input: anyInput,
  need: (i, _input, random) => 1e9 * 2 ** (i / 300) * noise(random, 0.05),
}

/** From one execution to the next another program. */
export const regimeWork: GeneratedWork = {
  name: 'regime change',
  input: anyInput,
  need: (i, _input, random) => (i < 200 ? 4e9 : 1e9) * noise(random, 0.05),
}

/** By the hour of the day, which is known before the run: nights are four times as large. */
export const seasonalWork: GeneratedWork = {
  name: 'seasonal',
  input: (i) => i % 24,
  need: (_i, hour, random) => (hour < 6 ? 4e9 : 1e9) * noise(random, 0.03),
}

/**
 * What whoever knows the truth would give: the same rule that foresize follows, on the distribution that the need is
 * drawn from instead of the one that it has learned.
 */
export function oracleLadder(
  work: GeneratedWork,
  i: number,
  input: number,
): (failed: number | undefined) => number {
  const random = randomOf(0x5eed + i)
  const draws = 400
  const needs = Float64Array.from({ length: draws }, () => work.need(i, input, random)).sort()
  const drawn = weighed(Array.from(needs, (need) => [Math.log(need), 1]))
  const largest = needs.at(-1) as number
  const cost = failureCostOf({ runtimeSumMs: runTimeMs, runtimeCount: 1, largest })
  const within = {
    from: quantile(drawn, balanced.leastCoverage),
    to: quantile(drawn, 1 - balanced.acceptableFailure),
  }
  return (failed) =>
    failed === undefined
      ? newsvendor(drawn, cost, balanced, within, distributionWorkspace())
      : retryAmount(largest, failed)
}

/** Of every execution generated here. */
export const runTimeMs = 600_000
