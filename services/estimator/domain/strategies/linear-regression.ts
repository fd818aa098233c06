import { clamp } from '../../../../shared/domain/clamp.ts'
import type { Point } from '../features/encoder.ts'
import { columnRegressions } from './column-regressions.ts'
import { abstaining, type Strategy, seenRange } from './strategy.ts'

/** Least squares, need on the most informative feature; slope sxy/(sxx + 10⁻³·n·x̄²); from 3 executions. */
export const linearRegression: Strategy = {
  describe: 'least squares of the need on the most informative feature',
  countsAllAlike: true,
  start: (surroundings) => {
    const fits = columnRegressions()
    const range = seenRange()

    function fitted() {
      const column = surroundings.primaryColumn()
      const fit = column === undefined ? undefined : fits.at(column)
      if (column === undefined || fit === undefined || fit.count < 3) return abstaining
      const { meanX, meanY } = fit
      const variation = fit.squaresX + 1e-3 * fit.count * meanX * meanX
      const slope = variation > 0 ? fit.products / variation : 0
      const [lowest, highest] = [range.lowest(), range.highest()]
      return ({ values }: Point) => {
        const x = values[column]
        if (x === undefined) return undefined
        const y = meanY + slope * (x - meanX)
        return Math.exp(clamp(y > 0 ? Math.log(y) : Number.NEGATIVE_INFINITY, lowest, highest))
      }
    }

    return {
      observe(point, need) {
        range.observe(Math.log(need))
        fits.observe(point.values, need)
      },
      predict: (point) => fitted()(point),
      fitted,
    }
  },
}
