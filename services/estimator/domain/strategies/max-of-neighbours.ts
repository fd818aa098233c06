import { type Formula, predictingBy, type Strategy } from './strategy.ts'

const largest: Formula = (point, _numbers, _from, neighbours) => {
  const { needs, count } = neighbours(point)
  let max = 0
  for (let i = 0; i < count && i < 5; i++) max = Math.max(max, needs[i] as number)
  return max > 0 ? max : undefined
}

const fit = { size: 0, into: () => largest }

/** The largest need among the 5 nearest. */
export const maxOfNeighbours: Strategy = {
  describe: 'largest need of the 5 nearest',
  start: (surroundings) => ({ observe() {}, ...predictingBy(fit, surroundings) }),
}
