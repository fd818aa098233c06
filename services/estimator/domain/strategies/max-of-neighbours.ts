import type { Strategy } from './strategy.ts'

/** The largest need among the 5 nearest. */
export const maxOfNeighbours: Strategy = {
  describe: 'largest need of the 5 nearest',
  start: (surroundings) => ({
    observe() {},
    predict(point) {
      const { needs, count } = surroundings.neighbours(point)
      let max = 0
      for (let i = 0; i < count && i < 5; i++) max = Math.max(max, needs[i] as number)
      return max > 0 ? max : undefined
    },
  }),
}
