import type { Strategy } from './strategy.ts'

/** Always the first need seen: its residuals are then the plain empirical distribution, which nothing can smear. */
export const constant: Strategy = {
  describe: 'the empirical distribution itself',
  countsAllAlike: true,
  ignoresPoint: true,
  start: () => {
    let first: number | undefined
    return {
      observe(_point, need) {
        first ??= need
      },
      predict: () => first,
    }
  },
}
