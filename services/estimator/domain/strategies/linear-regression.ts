import { clamp } from '../../../../shared/domain/clamp.ts'
import { columnRegressions, writeLine } from './column-regressions.ts'
import { abstaining, type Formula, predictingBy, type Strategy, seenRange } from './strategy.ts'

/** By the column, the means of the feature and of the need, the slope, and the ends of the range. */
const atLine: Formula = ({ values }, numbers, from) => {
  const x = values[numbers[from] as number]
  if (x === undefined) return undefined
  const y =
    (numbers[from + 2] as number) + (numbers[from + 3] as number) * (x - (numbers[from + 1] as number))
  const logNeed = y > 0 ? Math.log(y) : Number.NEGATIVE_INFINITY
  return Math.exp(clamp(logNeed, numbers[from + 4] as number, numbers[from + 5] as number))
}

/** Least squares, need on the most informative feature; slope sxy/(sxx + 10⁻³·n·x̄²); from 3 executions. */
export const linearRegression: Strategy = {
  describe: 'least squares of the need on the most informative feature',
  countsAllAlike: true,
  start: (surroundings) => {
    const fits = columnRegressions()
    const range = seenRange()

    function into(numbers: Float64Array, from: number): Formula {
      const column = surroundings.primaryColumn()
      const fit = column === undefined ? undefined : fits.at(column)
      if (column === undefined || fit === undefined || fit.count < 3) return abstaining
      const variation = fit.squaresX + 1e-3 * fit.count * fit.meanX * fit.meanX
      const slope = variation > 0 ? fit.products / variation : 0
      writeLine(numbers, from, column, fit, slope, range)
      return atLine
    }

    return {
      observe(point, need) {
        range.observe(Math.log(need))
        fits.observe(point.values, need)
      },
      ...predictingBy({ size: 6, into }, surroundings),
    }
  },
}
