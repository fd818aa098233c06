import fc from 'fast-check'
import { expect, test } from 'vitest'
import { probability } from '../../../services/estimator/domain/distribution.ts'
import {
  chanceAbove,
  unforeseenAfter,
  withUnforeseen,
} from '../../../services/estimator/domain/unforeseen.ts'
import { anyAmount, anyWeighed, listed, weighed } from '../../support/distributions.ts'

test('in a distribution it is what it is in the confidence, at every step of it', () => {
  const unforeseen = unforeseenAfter(1, 1e9)
  const believed = withUnforeseen(weighed([[Math.log(1e9), 1]]), unforeseen)
  expect(probability(believed, 1e9)).toBeCloseTo(1 - unforeseen.chance, 9)
  for (const times of [1.25, 1.6, 2.1, 3, 5])
    expect(probability(believed, times * 1e9)).toBeCloseTo(1 - chanceAbove(unforeseen, times * 1e9), 9)
  expect(probability(believed, 10e9)).toBe(1)
})

test('takes its chance from what is foreseen, alike by count and by run time, and leaves it in order', () => {
  fc.assert(
    fc.property(anyWeighed, anyAmount, fc.integer({ min: 1, max: 200 }), (need, largest, n) => {
      const unforeseen = unforeseenAfter(n, largest)
      const { size, atoms, below, spent } = withUnforeseen(need, unforeseen)
      for (let i = 1; i < size; i++) {
        expect(atoms[i]).toBeGreaterThan(atoms[i - 1] ?? 0)
        expect(below[i]).toBeGreaterThanOrEqual(below[i - 1] ?? 0)
        expect(spent[i]).toBeGreaterThanOrEqual(spent[i - 1] ?? 0)
      }
      expect([below[size - 1], spent[size - 1]]).toEqual([1, 1])
      const { needs, below: foreseen } = listed(need)
      for (const [i, one] of needs.entries())
        if (one < largest)
          expect(below[atoms.indexOf(need.atoms[i] ?? 0)]).toBeCloseTo(
            (foreseen[i] ?? 0) * (1 - unforeseen.chance),
            12,
          )
    }),
  )
})
