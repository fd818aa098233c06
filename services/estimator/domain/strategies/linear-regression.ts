import { columnRegressions } from './column-regressions.ts'
import { type Strategy, seenRange } from './strategy.ts'

/** Least squares, need on the most informative feature; slope sxy/(sxx + 10⁻³·n·x̄²); from 3 executions. */
export const linearRegression: Strategy = {
  describe: 'least squares of the need on the most informative feature',
  countsAllAlike: true,
  start: (surroundings) => {
    const fits = columnRegressions()
    const range = seenRange()
    return {
      observe(point, need) {
        range.observe(Math.log(need))
        fits.observe(point.values, need)
      },
      predict(point) {
        const column = surroundings.primaryColumn()
        if (column === undefined) return undefined
        const x = point.values[column]
        const fit = fits.at(column)
        if (!fit || fit.count < 3 || x === undefined) return undefined
        const variation = fit.squaresX + 1e-3 * fit.count * fit.meanX * fit.meanX
        const y = fit.meanY + (variation > 0 ? fit.products / variation : 0) * (x - fit.meanX)
        return Math.exp(range.clamp(y > 0 ? Math.log(y) : Number.NEGATIVE_INFINITY))
      },
    }
  },
}
