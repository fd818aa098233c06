import type { Point } from '../features/encoder.ts'
import { type Columns, leastSquares } from './least-squares.ts'
import { type Strategy, seenRange } from './strategy.ts'

/** Features and labels that enter, in order of first appearance. */
const mostColumns = 12
/** Executions' worth. */
const shrinkage = 4

/** What each of its values has shown: ln(need), added up. */
interface Label {
  readonly column: number
  readonly shown: Map<string, { readonly count: number; readonly sum: number }>
}

/**
 * Least squares of ln(need) on ln(1 + feature) of all features together; a label counts as the mean ln(need) that its
 * value has shown before, shrunk to the mean of all by one execution. From two columns that vary: one alone is what
 * `log-regression` is for.
 * Source: Hoerl & Kennard, "Ridge Regression", Technometrics 12(1), 1970; Prokhorenkova et al., "CatBoost", NeurIPS 2018
 * (ordered target statistics).
 */
export const ridge: Strategy = {
  describe: 'ridge regression on log scales, on all features and labels',
  countsAllAlike: true,
  start: () => {
    const fit = leastSquares(mostColumns, shrinkage)
    const range = seenRange()
    const features: number[] = []
    const labels = new Map<string, Label>()
    let columns = 0
    const xs = new Array<number | undefined>(mostColumns).fill(undefined)

    /** Those that are new get a column each, as long as there are any. */
    function learnColumns({ logs, labelNames }: Point): void {
      for (let c = 0; c < logs.length && columns < mostColumns; c++)
        if (features[c] === undefined && logs[c] !== undefined) features[c] = columns++
      if (fit.mean() === undefined) return
      for (const name of labelNames)
        if (columns < mostColumns && !labels.has(name))
          labels.set(name, { column: columns++, shown: new Map() })
    }

    function encode({ logs, labels: values, labelNames }: Point): Columns {
      xs.fill(undefined)
      for (let c = 0; c < logs.length; c++) {
        const column = features[c]
        if (column !== undefined) xs[column] = logs[c]
      }
      const mean = fit.mean()
      if (mean === undefined) return xs
      for (const name of labelNames) {
        const label = labels.get(name)
        if (label === undefined) continue
        const known = label.shown.get(values[name] as string)
        xs[label.column] = ((known?.sum ?? 0) + mean) / ((known?.count ?? 0) + 1)
      }
      return xs
    }

    return {
      observe(point, need) {
        const y = Math.log(need)
        range.observe(y)
        learnColumns(point)
        fit.observe(encode(point), y)
        for (const name of point.labelNames) {
          const shown = labels.get(name)?.shown
          if (shown === undefined) continue
          const value = point.labels[name] as string
          const { count, sum } = shown.get(value) ?? { count: 0, sum: 0 }
          shown.set(value, { count: count + 1, sum: sum + y })
        }
      },
      predict(point) {
        if (columns < 2 || fit.varying() < 2) return undefined
        return Math.exp(range.clamp(fit.predict(encode(point))))
      },
    }
  },
}
