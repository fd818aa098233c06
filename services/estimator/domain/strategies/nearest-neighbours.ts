import { type Formula, predictingBy, type Strategy } from './strategy.ts'

/** Geometric mean of the needs of the k nearest (at most 5), weights 1/(distance + 0.01). */
export function nearestNeighbours(k: number): Strategy {
  const mean: Formula = (point, _numbers, _from, neighbours) => {
    const { needs, distances, count } = neighbours(point)
    if (count === 0) return undefined
    let sum = 0
    let weight = 0
    for (let i = 0; i < count && i < k; i++) {
      const w = 1 / ((distances[i] as number) + 0.01)
      sum += w * Math.log(needs[i] as number)
      weight += w
    }
    return Math.exp(sum / weight)
  }
  const fit = { size: 0, into: () => mean }
  return {
    describe: `geometric mean of the ${k} nearest`,
    start: (surroundings) => ({ observe() {}, ...predictingBy(fit, surroundings) }),
  }
}
