import { type Strategy, seenRange } from '../strategy.ts'
import { regressions } from './regressions.ts'

/** Least squares, need on the most telling feature; slope sxy/(sxx + 10⁻³·n·x̄²); from 3 executions. */
export const linearRegression: Strategy = {
  describe: 'least squares of the need on the most telling feature',
  start: (setting) => {
    const fits = regressions()
    const range = seenRange()
    return {
      observe(point, need) {
        range.observe(Math.log(need))
        fits.observe(point.values, need)
      },
      predict(point) {
        const c = setting.primary()
        const x = point.values[c] ?? Number.NaN
        const m = fits.at(c)
        if (!m || m.n < 3 || Number.isNaN(x)) return undefined
        const bottom = m.sxx + 1e-3 * m.n * m.mx * m.mx
        const y = m.my + (bottom > 0 ? m.sxy / bottom : 0) * (x - m.mx)
        return Math.exp(range.clamp(y > 0 ? Math.log(y) : Number.NEGATIVE_INFINITY))
      },
    }
  },
}
