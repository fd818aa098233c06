import { columnRegressions } from './column-regressions.ts'
import { type Strategy, seenRange } from './strategy.ts'

/** Least squares, ln(need) on ln(1 + feature) of the most informative feature, ridge 10⁻²; from 3 executions. */
export const logRegression: Strategy = {
  describe: 'least squares on log scales, on the most informative feature',
  countsAllAlike: true,
  start: (surroundings) => {
    const fits = columnRegressions()
    const range = seenRange()
    return {
      observe(point, need) {
        const logNeed = Math.log(need)
        range.observe(logNeed)
        fits.observe(point.logs, logNeed)
      },
      predict(point) {
        const column = surroundings.primaryColumn()
        if (column === undefined) return undefined
        const x = point.logs[column]
        const fit = fits.at(column)
        if (!fit || fit.count < 3 || x === undefined) return undefined
        return Math.exp(range.clamp(fit.meanY + (fit.products / (fit.squaresX + 1e-2)) * (x - fit.meanX)))
      },
    }
  },
}
