import type { Strategy } from './strategy.ts'

/** The largest need retained. */
export const maxSeen: Strategy = {
  describe: 'largest need seen',
  ignoresPoint: true,
  start: () => {
    let max = 0
    return {
      observe(_point, need) {
        if (need > max) max = need
      },
      predict: () => (max > 0 ? max : undefined),
    }
  },
}
