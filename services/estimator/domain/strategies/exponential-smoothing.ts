import type { Strategy } from './strategy.ts'

/** Simple exponential smoothing of ln(need), α = 0.3. */
export const exponentialSmoothing: Strategy = {
  describe: 'exponentially smoothed need, on a log scale',
  ignoresPoint: true,
  start: () => {
    let level: number | undefined
    return {
      observe(_point, need) {
        const l = Math.log(need)
        level = level === undefined ? l : level + 0.3 * (l - level)
      },
      predict: () => (level === undefined ? undefined : Math.exp(level)),
    }
  },
}
