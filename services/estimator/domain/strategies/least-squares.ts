/** Least squares on several columns; one that is absent (undefined) is taken to be average. */
export interface LeastSquares {
  observe(xs: Columns, y: number): void
  /** By column its mean and its slope, one after the other, as observed so far. */
  readonly line: Float64Array
  /** Of what was observed; undefined: nothing was. */
  readonly mean: () => number | undefined
  /** Columns that vary. */
  readonly varying: () => number
}

/** Those beyond its end are absent. */
export type Columns = readonly (number | undefined)[]

/** A column has been there at least so often before it counts. */
const fewest = 3
/** A column that varies by less, relative to its mean, does not vary. */
const leastVariance = 1e-9

/** Running means and centred sums of products; ridge is in executions' worth of each column's variance. */
export function leastSquares(columns: number, ridge: number): LeastSquares {
  const counts = new Float64Array(columns)
  const products = new Float64Array(columns * columns)
  const withNeed = new Float64Array(columns)
  const line = new Float64Array(2 * columns)
  const offsets = new Float64Array(columns)
  /** Scratch space of `solve`. */
  const used = new Int32Array(columns)
  const deviations = new Float64Array(columns)
  const matrix = new Float64Array(columns * columns)
  const solution = new Float64Array(columns)
  let n = 0
  let mean = 0
  let varyingColumns = 0
  /** Columns that may ever have been there. */
  let seen = 0

  const varies = (i: number) =>
    (counts[i] as number) >= fewest &&
    (products[i * columns + i] as number) > leastVariance * (1 + (line[2 * i] as number) ** 2)

  /** On standardised columns, so that the ridge weighs alike on all. */
  function solve(): void {
    let size = 0
    for (let i = 0; i < seen; i++) if (varies(i)) used[size++] = i
    for (let p = 0; p < size; p++) {
      const i = used[p] as number
      deviations[p] = Math.sqrt(products[i * columns + i] as number)
    }
    for (let p = 0; p < size; p++) {
      const i = used[p] as number
      for (let q = 0; q < p; q++)
        matrix[p * size + q] =
          (products[i * columns + (used[q] as number)] as number) /
          ((deviations[p] as number) * (deviations[q] as number))
      matrix[p * size + p] = 1 + ridge / n
      solution[p] = (withNeed[i] as number) / (deviations[p] as number)
    }
    solveInPlace(matrix, solution, size)
    for (let i = 0; i < seen; i++) line[2 * i + 1] = 0
    for (let p = 0; p < size; p++)
      line[2 * (used[p] as number) + 1] = (solution[p] as number) / (deviations[p] as number)
    varyingColumns = size
  }

  return {
    observe(xs, y) {
      n++
      seen = Math.max(seen, Math.min(xs.length, columns))
      for (let i = 0; i < seen; i++) {
        const x = xs[i]
        offsets[i] = 0
        if (x === undefined) continue
        const count = (counts[i] as number) + 1
        counts[i] = count
        const offset = count === 1 ? 0 : x - (line[2 * i] as number)
        line[2 * i] = count === 1 ? x : (line[2 * i] as number) + offset / count
        offsets[i] = offset
      }
      const residual = y - mean
      mean += residual / n
      const share = (n - 1) / n
      for (let i = 0; i < seen; i++) {
        const offset = share * (offsets[i] as number)
        if (offset === 0) continue
        withNeed[i] = (withNeed[i] as number) + offset * residual
        for (let j = 0; j < seen; j++)
          products[i * columns + j] = (products[i * columns + j] as number) + offset * (offsets[j] as number)
      }
      solve()
    },
    line,
    mean: () => (n > 0 ? mean : undefined),
    varying: () => varyingColumns,
  }
}

/**
 * Cholesky: `matrix` symmetric and positive definite, by rows of `size`, of which only what is below the diagonal is read, is
 * overwritten; `solution` holds the right-hand side.
 */
function solveInPlace(matrix: Float64Array, solution: Float64Array, size: number): void {
  const at = (row: number, column: number) => matrix[row * size + column] as number
  for (let p = 0; p < size; p++) {
    for (let q = 0; q <= p; q++) {
      let sum = at(p, q)
      for (let k = 0; k < q; k++) sum -= at(p, k) * at(q, k)
      matrix[p * size + q] = p === q ? Math.sqrt(Math.max(sum, 1e-12)) : sum / at(q, q)
    }
  }
  for (let p = 0; p < size; p++) {
    let sum = solution[p] as number
    for (let k = 0; k < p; k++) sum -= at(p, k) * (solution[k] as number)
    solution[p] = sum / at(p, p)
  }
  for (let p = size - 1; p >= 0; p--) {
    let sum = solution[p] as number
    for (let k = p + 1; k < size; k++) sum -= at(k, p) * (solution[k] as number)
    solution[p] = sum / at(p, p)
  }
}
