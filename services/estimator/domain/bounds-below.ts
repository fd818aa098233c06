import type { Prior } from './mixture.ts'

/** What a need is known to exceed that has not come back yet. Its weight fades as other executions come back. */
export interface BoundBelow {
  readonly bound: number
  weight: number
}

const most = 16
const fading = 0.8
const forgotten = 0.05

export function noteBound(bounds: BoundBelow[], bound: number): void {
  bounds.push({ bound, weight: 1 })
  if (bounds.length > most) bounds.shift()
}

/** An execution that has come back takes out what its own attempts before were killed at; the rest fades. */
export function settleBounds(bounds: BoundBelow[], need: number, attempt: number): void {
  let own = attempt - 1
  for (let i = bounds.length - 1; i >= 0; i--) {
    const one = bounds[i] as BoundBelow
    one.weight *= fading
    if (own > 0 && one.bound < need) {
      bounds.splice(i, 1)
      own--
    } else if (one.weight < forgotten) bounds.splice(i, 1)
  }
}

export const highestBound = (bounds: readonly BoundBelow[]): number =>
  bounds.reduce((highest, { bound }) => Math.max(highest, bound), 0)

/** ln(need / bound) that is expected, and the scale of the peak there. */
const excess = 0.15
const scale = 0.5

/** What killed attempts say of needs to come, beside mixtures of weight 1 made of `observed` executions. */
export function boundPriors(bounds: readonly BoundBelow[], observed: number): readonly Prior[] {
  const share = 0.3 / (1 + 0.1 * Math.min(10, observed))
  return bounds.map(({ bound, weight }) => ({
    shift: Math.log(bound) + excess,
    scale,
    share: share * weight,
  }))
}
