import {
  type ByWeighting,
  localSumsFrom,
  localSumsOver,
  type SampleWeights,
} from '../history/sample-weights.ts'
import type { Member } from './expert.ts'

/** How much an expert has seen under its weighting. */
export interface EffectiveSample {
  /** Sum of the weights of the executions that its strategy has predicted. */
  total: number
  /** How many executions of equal weight that is. Source: Kish, "Survey Sampling", 1965, § 11.7. */
  executions: number
}

export const effectiveSamples = (): ByWeighting<EffectiveSample> => ({
  slow: { total: 0, executions: 0 },
  fast: { total: 0, executions: 0 },
  slowLocal: { total: 0, executions: 0 },
  fastLocal: { total: 0, executions: 0 },
})

/** Measures the samples of a member's experts into `out`, but for the local ones. */
export function measureSamples({ weightSums }: Member, out: ByWeighting<EffectiveSample>): void {
  measure(out.slow, weightSums.slowSum, weightSums.slowSquares)
  measure(out.fast, weightSums.fastSum, weightSums.fastSquares)
}

/** Measures the samples of a member's local experts into `out`. */
export function measureLocalSamples(
  member: Member,
  weights: SampleWeights,
  out: ByWeighting<EffectiveSample>,
): void {
  const { execution, count } = member.residuals
  const from = predictedFrom(member, weights)
  const local = from === undefined ? localSumsOver(weights, execution, count) : localSumsFrom(weights, from)
  measure(out.slowLocal, local.slowSum, local.slowSquares)
  measure(out.fastLocal, local.fastSum, local.fastSquares)
}

/** The execution from which on a member has predicted all, as mostly there is one: it says what its samples are. */
export const predictedFrom = (
  { residuals: { first, count } }: Member,
  { by }: SampleWeights,
): number | undefined => (count === by.set.size - first ? first : undefined)

function measure(sample: EffectiveSample, sum: number, squares: number): void {
  sample.total = sum
  sample.executions = squares > 0 ? (sum * sum) / squares : 0
}
