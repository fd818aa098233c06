import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type Atoms,
  atoms,
  mergeRuns,
  mergingWorkspace,
  settleAtom,
} from '../../../../services/estimator/domain/distribution/atoms.ts'

const atomsOf = (...entries: readonly (readonly [at: number, weight: number, time: number])[]): Atoms => ({
  at: Float64Array.from(entries, ([at]) => at),
  weights: Float64Array.from(entries, ([, weight]) => weight),
  times: Float64Array.from(entries, ([, , time]) => time),
})

const entriesOf = ({ at, weights, times }: Atoms, size: number) =>
  Array.from({ length: size }, (_, i) => [at[i], weights[i], times[i]])

test('an atom goes in its place of a run, after its equals, and leaves what is before the run alone', () => {
  const some = atomsOf([9, 0, 0], [1, 10, 100], [3, 30, 300], [2, 20, 200], [1, 15, 150])
  settleAtom(some, 1, 3)
  expect(entriesOf(some, 4)).toEqual([
    [9, 0, 0],
    [1, 10, 100],
    [2, 20, 200],
    [3, 30, 300],
  ])
  settleAtom(some, 1, 4)
  expect(entriesOf(some, 5)).toEqual([
    [9, 0, 0],
    [1, 10, 100],
    [1, 15, 150],
    [2, 20, 200],
    [3, 30, 300],
  ])
})

test('the first of a run stays, whatever is before the run', () => {
  const some = atomsOf([9, 0, 0], [1, 10, 100])
  settleAtom(some, 1, 1)
  expect(entriesOf(some, 2)).toEqual([
    [9, 0, 0],
    [1, 10, 100],
  ])
})

/** With no limit, merged: how many are left, and they. */
function merged(of: Atoms, ends: readonly number[], { limit = Number.POSITIVE_INFINITY, timed = true } = {}) {
  const into = atoms(of.at.length)
  const size = mergeRuns(of, ends, limit, into, timed, mergingWorkspace())
  return entriesOf(into, size)
}

test('runs become one in order; weights and times become shares of all up to each, equal atoms one', () => {
  const runs = atomsOf([1, 1, 5], [2, 2, 1], [2, 1, 2], [7, 4, 2], [9, 100, 100])
  expect(merged(runs, [4])).toEqual([
    [1, 1 / 8, 0.5],
    [2, 0.5, 0.8],
    [7, 1, 1],
  ])
  expect(merged(atomsOf([2, 2, 1], [7, 4, 2], [1, 1, 5], [2, 1, 2]), [2, 4])).toEqual([
    [1, 1 / 8, 0.5],
    [2, 0.5, 0.8],
    [7, 1, 1],
  ])
})

test('what is above the limit is there', () => {
  expect(merged(atomsOf([1, 1, 1], [5, 1, 1], [3, 1, 1], [4, 1, 1]), [2, 4], { limit: 3.5 })).toEqual([
    [1, 0.25, 0.25],
    [3, 0.5, 0.5],
    [3.5, 1, 1],
  ])
})

test('without run times only the weights become shares', () => {
  const shares = merged(atomsOf([1, 1, 0], [2, 3, 0]), [2], { timed: false }).map(([, share]) => share)
  expect(shares).toEqual([0.25, 1])
})

test('the last share is exactly 1, whatever is lost in rounding', () => {
  const [, , last] = merged(atomsOf([1, 0.1, 0.1], [2, 0.2, 0.2], [3, 0.3, 0.3]), [3])
  expect(last).toEqual([3, 1, 1])
})

test('as many runs as there may be are as if all were put in order, of equals the first run’s first', () => {
  const anyAtom = fc.record({
    at: fc.integer({ min: -5, max: 5 }),
    weight: fc.double({ min: 0.1, max: 9, noNaN: true }),
  })
  fc.assert(
    fc.property(fc.array(fc.array(anyAtom, { maxLength: 8 }), { minLength: 1, maxLength: 40 }), (some) => {
      const runs = some.map((run) => run.toSorted((a, b) => a.at - b.at))
      const all = runs.flat()
      fc.pre(all.length > 0)
      const ends: number[] = []
      for (const run of runs) ends.push((ends.at(-1) ?? 0) + run.length)
      const total = all.toSorted((a, b) => a.at - b.at).reduce((sum, { weight }) => sum + weight, 0)
      const expected = new Map<number, number>()
      let sum = 0
      for (const { at, weight } of all.toSorted((a, b) => a.at - b.at)) {
        sum += weight
        expected.set(at, Math.min(1, sum / total))
      }
      const found = merged(atomsOf(...all.map(({ at, weight }) => [at, weight, weight] as const)), ends)
      expect(found.map(([at, share]) => [at, share])).toEqual([...expected])
    }),
  )
})
