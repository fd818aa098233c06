/**
 * Weighted logarithms of needs, entry by entry: the atom, its weight, and its weight × run time; once accumulated, the
 * shares of those up to it.
 */
export interface Atoms {
  readonly at: Float64Array
  readonly weights: Float64Array
  readonly times: Float64Array
}

export const atoms = (size: number): Atoms => ({
  at: new Float64Array(size),
  weights: new Float64Array(size),
  times: new Float64Array(size),
})

/** Inserts one in order among those from `from` to `end`, mostly as the last. */
export function insertAtom(
  { at, weights, times }: Atoms,
  from: number,
  end: number,
  x: number,
  weight: number,
  time: number,
): void {
  let i = end
  for (; i > from && (at[i - 1] as number) > x; i--) {
    at[i] = at[i - 1] as number
    weights[i] = weights[i - 1] as number
    times[i] = times[i - 1] as number
  }
  at[i] = x
  weights[i] = weight
  times[i] = time
}

/**
 * Two neighbouring runs, each in order, become one in the same place of `into`: those from `from` to `middle` and those
 * from there to `end`. Of equal ones the first run's come first.
 */
export function mergeAtoms(of: Atoms, into: Atoms, from: number, middle: number, end: number): void {
  const { at, weights, times } = of
  let left = from
  let right = middle
  let to = from
  for (; left < middle && right < end; to++) {
    const i = (at[left] as number) <= (at[right] as number) ? left++ : right++
    into.at[to] = at[i] as number
    into.weights[to] = weights[i] as number
    into.times[to] = times[i] as number
  }
  for (let i = left < middle ? left : right; to < end; to++, i++) {
    into.at[to] = at[i] as number
    into.weights[to] = weights[i] as number
    into.times[to] = times[i] as number
  }
}

/**
 * Of the first `size`, which are in order, equal ones become one; weights become shares of their sum, each with those
 * before it: ascending, the last is 1. The same with times, where they are known. Returns how many are left.
 */
export function accumulate({ at, weights, times }: Atoms, size: number, timed: boolean): number {
  let total = 0
  let totalTime = 0
  for (let i = 0; i < size; i++) {
    total += weights[i] as number
    totalTime += times[i] as number
  }
  let sum = 0
  let time = 0
  let last = 0
  for (let i = 0; i < size; i++) {
    sum += weights[i] as number
    time += times[i] as number
    if (at[i] !== at[last]) last++
    at[last] = at[i] as number
    weights[last] = Math.min(1, sum / total)
    if (timed) times[last] = Math.min(1, time / totalTime)
  }
  weights[last] = 1
  times[last] = 1
  return last + 1
}
