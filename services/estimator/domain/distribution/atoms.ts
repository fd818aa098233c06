/**
 * Weighted logarithms of needs, entry by entry: the atom, its weight, and its weight × run time; once merged, the shares of
 * those up to it.
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

/** Puts the one at `end` in order among those from `from` on: mostly it is the last. */
export function settleAtom({ at, weights, times }: Atoms, from: number, end: number): void {
  const x = at[end] as number
  if (end === from || (at[end - 1] as number) <= x) return
  const weight = weights[end] as number
  const time = times[end] as number
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

/** Where each run goes on, and with what, while they are merged. Grows as needed. */
export interface MergingWorkspace {
  places: Int32Array
  heads: Float64Array
}

export const mergingWorkspace = (): MergingWorkspace => ({
  places: new Int32Array(0),
  heads: new Float64Array(0),
})

/**
 * Runs, each in order, become one in `into`, which has room: the first begins at 0, each other where the one before ends. What is
 * above `limit` is put there. Of equal ones the first run's come first, and one is left. Weights become shares of their sum, each
 * with those before it: ascending, the last is 1. The same with times, where they are known. Returns how many are left.
 */
export function mergeRuns(
  { at, weights, times }: Atoms,
  ends: readonly number[],
  limit: number,
  into: Atoms,
  timed: boolean,
  workspace: MergingWorkspace,
): number {
  const runs = ends.length
  if (workspace.places.length < runs) {
    workspace.places = new Int32Array(2 * runs)
    workspace.heads = new Float64Array(2 * runs)
  }
  const { places, heads } = workspace
  for (let run = 0; run < runs; run++) {
    places[run] = run === 0 ? 0 : (ends[run - 1] as number)
    heads[run] = headOf(at, places[run] as number, ends[run] as number)
  }
  const { at: mergedAt, weights: shares, times: timeShares } = into
  const size = ends[runs - 1] as number
  let sum = 0
  let time = 0
  let last = -1
  let before = Number.NaN
  for (let taken = 0; taken < size; taken++) {
    let run = 0
    let least = heads[0] as number
    for (let other = 1; other < runs; other++) {
      const head = heads[other] as number
      if (head >= least) continue
      least = head
      run = other
    }
    const i = places[run] as number
    places[run] = i + 1
    heads[run] = headOf(at, i + 1, ends[run] as number)
    const x = Math.min(least, limit)
    sum += weights[i] as number
    time += times[i] as number
    if (x !== before) last++
    before = x
    mergedAt[last] = x
    shares[last] = sum
    timeShares[last] = time
  }
  for (let i = 0; i < last; i++) {
    shares[i] = Math.min(1, (shares[i] as number) / sum)
    if (timed) timeShares[i] = Math.min(1, (timeShares[i] as number) / time)
  }
  shares[last] = 1
  timeShares[last] = 1
  return last + 1
}

/** Of a run that is at its end: above all others. */
const headOf = (at: Float64Array, place: number, end: number): number =>
  place < end ? (at[place] as number) : Number.POSITIVE_INFINITY
