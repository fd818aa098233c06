import { addPair, type JointMoments, jointMoments } from '../../../../shared/domain/moments.ts'

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
