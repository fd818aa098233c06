import { addPair, type JointMoments, jointMoments } from '../../../../shared/domain/moments.ts'
import type { SeenRange } from './strategy.ts'

/** Moments of each column with the need, over the executions that have the column. */
export interface ColumnRegressions {
  observe(xs: readonly (number | undefined)[], y: number): void
  at(column: number): JointMoments | undefined
}

export function columnRegressions(): ColumnRegressions {
  const columns: JointMoments[] = []
  return {
    observe(xs, y) {
      for (let c = 0; c < xs.length; c++) {
        while (columns.length <= c) columns.push(jointMoments())
        const x = xs[c]
        if (x !== undefined) addPair(columns[c] as JointMoments, x, y)
      }
    },
    at: (column) => columns[column],
  }
}

/** Puts a line as numbers, from `from` on: the column, the means of the feature and of the need, the slope, and the ends of the range. */
export function writeLine(
  numbers: Float64Array,
  from: number,
  column: number,
  { meanX, meanY }: JointMoments,
  slope: number,
  range: SeenRange,
): void {
  numbers[from] = column
  numbers[from + 1] = meanX
  numbers[from + 2] = meanY
  numbers[from + 3] = slope
  numbers[from + 4] = range.lowest()
  numbers[from + 5] = range.highest()
}
