/** Index of the first of `n` ascending values that is not below `x`; n where all are. */
export function firstFrom(sorted: Float64Array, n: number, x: number): number {
  let low = 0
  let high = n
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] as number) < x) low = middle + 1
    else high = middle
  }
  return low
}

/** Index of the first that is above `x`; `count` where none is. */
export function firstAbove(values: Float64Array, count: number, x: number): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >> 1
    if ((values[middle] as number) > x) high = middle
    else low = middle + 1
  }
  return low
}
