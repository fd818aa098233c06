import { clamp } from '../../../../shared/domain/clamp.ts'
import type { Point } from '../features/encoder.ts'
import { type Columns, leastSquares } from './least-squares.ts'
import { abstaining, type Formula, predictingBy, type Strategy, seenRange } from './strategy.ts'

/** Features and labels that enter, in order of first appearance. */
const mostColumns = 12
/** Executions' worth. */
const shrinkage = 4

/** Numbers of a fit before those of its columns. */
const planeSize = 4

/** What each of its values has shown: ln(need), added up. */
interface Label {
  readonly name: string
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
  start: (surroundings) => {
    const fit = leastSquares(mostColumns, shrinkage)
    const range = seenRange()
    const features: number[] = []
    const labels = new Map<string, Label>()
    /** What each column is: a feature's, or a label. */
    const columns: (number | Label)[] = []
    const xs: (number | undefined)[] = []

    /** Those that are new get a column each, as long as there are any. */
    function learnColumns({ logs, labelNames }: Point): void {
      for (let c = 0; c < logs.length && columns.length < mostColumns; c++)
        if (features[c] === undefined && logs[c] !== undefined) {
          features[c] = columns.length
          columns.push(c)
        }
      if (fit.mean() === undefined) return
      for (const name of labelNames)
        if (columns.length < mostColumns && !labels.has(name)) {
          const label = { name, shown: new Map() }
          labels.set(name, label)
          columns.push(label)
        }
    }

    function encode(point: Point): Columns {
      const mean = fit.mean() ?? 0
      for (let i = 0; i < columns.length; i++) xs[i] = encoded(columns[i] as number | Label, point, mean)
      return xs
    }

    /** By how many columns there are, the mean of all, the ends of the range, and the mean and the slope of each column. */
    const atPlane: Formula = (point, numbers, from) => {
      const mean = numbers[from + 1] as number
      let y = mean
      for (let i = 0; i < (numbers[from] as number); i++) {
        const x = encoded(columns[i] as number | Label, point, mean)
        const at = from + planeSize + 2 * i
        if (x !== undefined) y += (numbers[at + 1] as number) * (x - (numbers[at] as number))
      }
      return Math.exp(clamp(y, numbers[from + 2] as number, numbers[from + 3] as number))
    }

    function into(numbers: Float64Array, from: number): Formula {
      const mean = fit.mean()
      if (columns.length < 2 || fit.varying() < 2 || mean === undefined) return abstaining
      const { line } = fit
      numbers[from] = columns.length
      numbers[from + 1] = mean
      numbers[from + 2] = range.lowest()
      numbers[from + 3] = range.highest()
      for (let i = 0; i < 2 * columns.length; i++) numbers[from + planeSize + i] = line[i] as number
      return atPlane
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
      ...predictingBy({ size: planeSize + 2 * mostColumns, into }, surroundings),
    }
  },
}

/** A feature's logarithm; of a label the mean that its value has shown, shrunk to the mean of all by one execution. */
function encoded(
  column: number | Label,
  { logs, labels, labelNames }: Point,
  mean: number,
): number | undefined {
  if (typeof column === 'number') return logs[column]
  if (!labelNames.includes(column.name)) return undefined
  const known = column.shown.get(labels[column.name] as string)
  return ((known?.sum ?? 0) + mean) / ((known?.count ?? 0) + 1)
}
