import type { Strategy } from './strategy.ts'

/** Decayed arithmetic mean, factor 0.97 per execution (half-life 23 executions). */
export const average: Strategy = {
  describe: 'decayed mean of the need',
  ignoresPoint: true,
  start: () => {
    let sum = 0
    let weight = 0
    return {
      observe(_point, need) {
        sum = sum * 0.97 + need
        weight = weight * 0.97 + 1
      },
      predict: () => (weight > 0 ? sum / weight : undefined),
    }
  },
}
