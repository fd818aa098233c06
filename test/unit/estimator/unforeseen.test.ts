import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  chanceAbove,
  unforeseenAfter,
  withUnforeseen,
} from '../../../services/estimator/domain/unforeseen.ts'
import { anyAmount, anyWeighed, listed, weighed } from '../../support/distributions.ts'

test('in a distribution it is what it is in the confidence, as far as the room goes', () => {
  const unforeseen = unforeseenAfter(1, 1e9)
  const { chance, room } = unforeseen
  const believed = withUnforeseen(weighed([[Math.log(1e9), 1]]), unforeseen)
  const { needs, below } = listed(believed)
  expect(needs[0]).toBeCloseTo(1e9, 0)
  expect(below[0]).toBeCloseTo(1 - chance, 12)
  expect(needs.at(-1)).toBeCloseTo(1e9 * Math.exp(room), 0)
  for (const [i, need] of needs.entries()) expect(below[i]).toBeCloseTo(1 - chanceAbove(unforeseen, need), 12)
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
      const beyond = chanceAbove(unforeseen, largest * Math.exp(unforeseen.room))
      for (const all of [below, spent]) expect(all[size - 1]).toBeCloseTo(1 - beyond, 9)
      const { needs, below: foreseen } = listed(need)
      for (const [i, one] of needs.entries())
        if (one < largest && i < needs.length - 1)
          expect(below[atoms.indexOf(need.atoms[i] ?? 0)]).toBeCloseTo(
            (foreseen[i] ?? 0) * (1 - unforeseen.chance),
            12,
          )
    }),
  )
})
