import type { Columns, LeastSquares } from '../../services/estimator/domain/strategies/least-squares.ts'

/** One that is absent is taken to be average. */
export const predicted = ({ line, mean }: LeastSquares, xs: Columns): number =>
  xs.reduce<number>(
    (y, x, i) => (x === undefined ? y : y + (line[2 * i + 1] as number) * (x - (line[2 * i] as number))),
    mean() ?? 0,
  )
