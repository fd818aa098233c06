import type { Point } from '../encoding.ts'
import { type Strategy, seenRange } from '../strategy.ts'
import { leastSquares } from './least-squares.ts'

/** Features and labels that enter, in order of first appearance. */
const mostColumns = 12
/** Executions' worth. */
const shrinkage = 4

/**
 * Least squares of ln(need) on ln(1 + feature) of all features together; a label counts as the mean ln(need) that its
 * value has shown before, shrunk to the mean of all by one execution. From two columns that vary: one alone is what
 * `log-regression` is for.
 * Source: Hoerl & Kennard, "Ridge Regression", Technometrics 12(1), 1970; Prokhorenkova et al., "CatBoost", NeurIPS 2018
 * (ordered target statistics).
 */
export const ridge: Strategy = {
  describe: 'ridge regression on log scales, on all features and labels',
  start: () => {
    const fit = leastSquares(mostColumns, shrinkage)
    const range = seenRange()
    const columns = new Map<string, number>()
    const shown = new Map<string, Map<string, { count: number; sum: number }>>()
    const xs = new Float64Array(mostColumns)

    function columnOf(name: string, learn: boolean): number | undefined {
      if (learn && !columns.has(name) && columns.size < mostColumns) columns.set(name, columns.size)
      return columns.get(name)
    }

    function encode({ logs, labels }: Point, learn: boolean): Float64Array {
      xs.fill(Number.NaN)
      for (let c = 0; c < logs.length; c++) {
        const x = logs[c] as number
        const column = Number.isNaN(x) ? undefined : columnOf(`feature ${c}`, learn)
        if (column !== undefined) xs[column] = x
      }
      const mean = fit.mean()
      if (mean === undefined) return xs
      for (const key of Object.keys(labels).sort()) {
        const column = columnOf(`label ${key}`, learn)
        if (column === undefined) continue
        const known = shown.get(key)?.get(labels[key] as string)
        xs[column] = ((known?.sum ?? 0) + mean) / ((known?.count ?? 0) + 1)
      }
      return xs
    }

    return {
      observe(point, need) {
        const y = Math.log(need)
        range.observe(y)
        fit.observe(encode(point, true), y)
        for (const [key, value] of Object.entries(point.labels)) {
          if (!columns.has(`label ${key}`)) continue
          const values = shown.get(key) ?? new Map<string, { count: number; sum: number }>()
          shown.set(key, values)
          const { count, sum } = values.get(value) ?? { count: 0, sum: 0 }
          values.set(value, { count: count + 1, sum: sum + y })
        }
      },
      predict(point) {
        if (columns.size < 2 || fit.varying() < 2) return undefined
        return Math.exp(range.clamp(fit.predict(encode(point, false))))
      },
    }
  },
}
