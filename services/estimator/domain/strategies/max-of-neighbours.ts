import type { Strategy } from '../strategy.ts'
import { nearest } from './nearest.ts'

/** The largest need among the 5 nearest. */
export const maxOfNeighbours: Strategy = {
  describe: 'largest need of the 5 nearest',
  start: (setting) => {
    const memory = nearest(setting)
    return {
      observe: memory.observe,
      predict(point) {
        let max = 0
        for (const n of memory.find(point, 5)) if (n.need > max) max = n.need
        return max > 0 ? max : undefined
      },
    }
  },
}
