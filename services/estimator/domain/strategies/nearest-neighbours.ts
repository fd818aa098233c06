import type { Strategy } from '../strategy.ts'
import { nearest } from './nearest.ts'

/** Geometric mean of the needs of the k nearest, weights 1/(distance + 0.01). */
export const nearestNeighbours = (k: number): Strategy => ({
  describe: `geometric mean of the ${k} nearest`,
  start: (setting) => {
    const memory = nearest(setting)
    return {
      observe: memory.observe,
      predict(point) {
        let sum = 0
        let weight = 0
        for (const n of memory.find(point, k)) {
          const w = 1 / (n.distance + 0.01)
          sum += w * Math.log(n.need)
          weight += w
        }
        return weight > 0 ? Math.exp(sum / weight) : undefined
      },
    }
  },
})
