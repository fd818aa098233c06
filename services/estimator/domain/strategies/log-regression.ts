import { clamp } from '../../../../shared/domain/clamp.ts'
import type { Point } from '../features/encoder.ts'
import { columnRegressions } from './column-regressions.ts'
import { abstaining, type Strategy, seenRange } from './strategy.ts'

/** Least squares, ln(need) on ln(1 + feature) of the most informative feature, ridge 10⁻²; from 3 executions. */
export const logRegression: Strategy = {
  describe: 'least squares on log scales, on the most informative feature',
  countsAllAlike: true,
  start: (surroundings) => {
    const fits = columnRegressions()
    const range = seenRange()

    function fitted() {
      const column = surroundings.primaryColumn()
      const fit = column === undefined ? undefined : fits.at(column)
      if (column === undefined || fit === undefined || fit.count < 3) return abstaining
      const { meanX, meanY } = fit
      const slope = fit.products / (fit.squaresX + 1e-2)
      const [lowest, highest] = [range.lowest(), range.highest()]
      return ({ logs }: Point) => {
        const x = logs[column]
        return x === undefined ? undefined : Math.exp(clamp(meanY + slope * (x - meanX), lowest, highest))
      }
    }

    return {
      observe(point, need) {
        const logNeed = Math.log(need)
        range.observe(logNeed)
        fits.observe(point.logs, logNeed)
      },
      predict: (point) => fitted()(point),
      fitted,
    }
  },
}
