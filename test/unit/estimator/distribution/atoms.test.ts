import { expect, test } from 'vitest'
import {
  type Atoms,
  accumulate,
  atoms,
  insertAtom,
  mergeAtoms,
} from '../../../../services/estimator/domain/distribution/atoms.ts'

const atomsOf = (...entries: readonly (readonly [at: number, weight: number, time: number])[]): Atoms => ({
  at: Float64Array.from(entries, ([at]) => at),
  weights: Float64Array.from(entries, ([, weight]) => weight),
  times: Float64Array.from(entries, ([, , time]) => time),
})

const entriesOf = ({ at, weights, times }: Atoms, size: number) =>
  Array.from({ length: size }, (_, i) => [at[i], weights[i], times[i]])

test('an atom goes in its place of a run, after its equals, and leaves what is before the run alone', () => {
  const some = atomsOf([9, 0, 0], [1, 10, 100], [3, 30, 300], [0, 0, 0], [0, 0, 0])
  insertAtom(some, 1, 3, 2, 20, 200)
  expect(entriesOf(some, 4)).toEqual([
    [9, 0, 0],
    [1, 10, 100],
    [2, 20, 200],
    [3, 30, 300],
  ])
  insertAtom(some, 1, 4, 1, 15, 150)
  expect(entriesOf(some, 5)).toEqual([
    [9, 0, 0],
    [1, 10, 100],
    [1, 15, 150],
    [2, 20, 200],
    [3, 30, 300],
  ])
})

test('two runs become one in order, of equals the first run’s before the second’s', () => {
  const runs = atomsOf([8, 8, 8], [1, 1, 1], [3, 3, 3], [4, 4, 4], [1, 2, 2], [2, 5, 5])
  const into = atoms(6)
  mergeAtoms(runs, into, 1, 4, 6)
  expect(entriesOf(into, 6)).toEqual([
    [0, 0, 0],
    [1, 1, 1],
    [1, 2, 2],
    [2, 5, 5],
    [3, 3, 3],
    [4, 4, 4],
  ])
})

test('weights and times become cumulative shares, equal atoms one', () => {
  const some = atomsOf([1, 1, 5], [2, 2, 1], [2, 1, 2], [7, 4, 2], [9, 100, 100])
  expect(accumulate(some, 4, true)).toBe(3)
  expect(entriesOf(some, 3)).toEqual([
    [1, 1 / 8, 0.5],
    [2, 0.5, 0.8],
    [7, 1, 1],
  ])
})

test('without run times only the weights do', () => {
  const some = atomsOf([1, 1, 0], [2, 3, 0])
  expect(accumulate(some, 2, false)).toBe(2)
  expect([...some.weights]).toEqual([0.25, 1])
  expect(some.times[0]).toBe(0)
})

test('the last share is exactly 1, whatever is lost in rounding', () => {
  const some = atomsOf([1, 0.1, 0.1], [2, 0.2, 0.2], [3, 0.3, 0.3])
  accumulate(some, 3, true)
  expect(some.weights[2]).toBe(1)
  expect(some.times[2]).toBe(1)
})
