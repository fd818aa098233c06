import { clamp } from '../../../../shared/domain/clamp.ts'
import { columnRegressions, writeLine } from './column-regressions.ts'
import { abstaining, type Formula, predictingBy, type Strategy, seenRange } from './strategy.ts'

/** By the column, the means of the logarithms of the feature and of the need, the slope, and the ends of the range. */
const atLine: Formula = ({ logs }, numbers, from) => {
  const x = logs[numbers[from] as number]
  if (x === undefined) return undefined
  const y =
    (numbers[from + 2] as number) + (numbers[from + 3] as number) * (x - (numbers[from + 1] as number))
  return Math.exp(clamp(y, numbers[from + 4] as number, numbers[from + 5] as number))
}

/** Least squares, ln(need) on ln(1 + feature) of the most informative feature, ridge 10⁻²; from 3 executions. */
export const logRegression: Strategy = {
  describe: 'least squares on log scales, on the most informative feature',
  countsAllAlike: true,
  start: (surroundings) => {
    const fits = columnRegressions()
    const range = seenRange()

    function into(numbers: Float64Array, from: number): Formula {
      const column = surroundings.primaryColumn()
      const fit = column === undefined ? undefined : fits.at(column)
      if (column === undefined || fit === undefined || fit.count < 3) return abstaining
      const slope = fit.products / (fit.squaresX + 1e-2)
      writeLine(numbers, from, column, fit, slope, range)
      return atLine
    }

    return {
      observe(point, need) {
        const logNeed = Math.log(need)
        range.observe(logNeed)
        fits.observe(point.logs, logNeed)
      },
      ...predictingBy({ size: 6, into }, surroundings),
    }
  },
}
