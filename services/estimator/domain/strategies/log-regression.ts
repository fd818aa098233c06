import { type Strategy, seenRange } from '../strategy.ts'
import { regressions } from './regressions.ts'

/** Least squares, ln(need) on ln(1+feature) of the most telling feature, ridge 10⁻²; from 3 executions. */
export const logRegression: Strategy = {
  describe: 'least squares on log scales, on the most telling feature',
  start: (setting) => {
    const fits = regressions()
    const range = seenRange()
    return {
      observe(point, need) {
        const l = Math.log(need)
        range.observe(l)
        fits.observe(point.logs, l)
      },
      predict(point) {
        const c = setting.primary()
        const x = point.logs[c] ?? Number.NaN
        const m = fits.at(c)
        if (!m || m.n < 3 || Number.isNaN(x)) return undefined
        return Math.exp(range.clamp(m.my + (m.sxy / (m.sxx + 1e-2)) * (x - m.mx)))
      },
    }
  },
}
