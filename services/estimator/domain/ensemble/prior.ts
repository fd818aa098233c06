import type { PriorComponent } from '../distribution/mixture.ts'
import type { CensoredAttempt } from '../history/censored-attempts.ts'
import type { EffectiveSample } from './effective-sample.ts'

/** What is believed before there are residuals: a Laplace distribution of this scale… */
export const priorScale = ({ executions }: EffectiveSample): number => 0.6 / (1 + 0.1 * executions)

/** …with a mass worth half an average execution. */
export const priorMass = ({ total, executions }: EffectiveSample): number =>
  executions > 0 ? (priorExecutions * total) / executions : 1

const priorExecutions = 0.5

/** ln(need / what the attempt had) that is expected of a killed attempt, and the scale of the peak there. */
const excess = 0.15
const censoredScale = 0.5

/** What killed attempts say of needs to come, beside a mixture of weight 1 made of `observed` executions. */
export function censoredPriors(
  attempts: readonly CensoredAttempt[],
  observed: number,
): readonly PriorComponent[] {
  const share = 0.3 / (1 + 0.1 * Math.min(10, observed))
  return attempts.map(({ above, weight }) => ({
    at: Math.log(above) + excess,
    scale: censoredScale,
    share: share * weight,
  }))
}
