import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  probabilityAbove,
  tailAfter,
  withTail,
} from '../../../../services/estimator/domain/distribution/tail.ts'
import { distributionWorkspace } from '../../../../services/estimator/domain/distribution/workspace.ts'
import { anyAmount, anyWeighed, listed, weighed } from '../../../support/distributions.ts'

test('in a distribution it is what it is in the coverage, as far as the room goes', () => {
  const tail = tailAfter(1, 1e9)
  const { chance, room } = tail
  const { needs, cumulative } = listed(withTail(weighed([[Math.log(1e9), 1]]), tail, distributionWorkspace()))
  expect(needs[0]).toBeCloseTo(1e9, 0)
  expect(cumulative[0]).toBeCloseTo(1 - chance, 12)
  expect(needs.at(-1)).toBeCloseTo(1e9 * Math.exp(room), 0)
  for (const [i, need] of needs.entries())
    expect(cumulative[i]).toBeCloseTo(1 - probabilityAbove(tail, need), 12)
})

test('takes its chance from what was seen, alike by count and by run time, and leaves it in order', () => {
  fc.assert(
    fc.property(anyWeighed, anyAmount, fc.integer({ min: 1, max: 200 }), (need, largest, n) => {
      const tail = tailAfter(n, largest)
      const { size, atoms, cumulative, runtimeShare } = withTail(need, tail, distributionWorkspace())
      for (let i = 1; i < size; i++) {
        expect(atoms[i]).toBeGreaterThan(atoms[i - 1] ?? 0)
        expect(cumulative[i]).toBeGreaterThanOrEqual(cumulative[i - 1] ?? 0)
        expect(runtimeShare[i]).toBeGreaterThanOrEqual(runtimeShare[i - 1] ?? 0)
      }
      const beyond = probabilityAbove(tail, largest * Math.exp(tail.room))
      for (const all of [cumulative, runtimeShare]) expect(all[size - 1]).toBeCloseTo(1 - beyond, 9)
      const { needs, cumulative: seen } = listed(need)
      for (const [i, one] of needs.entries())
        if (one < largest && i < needs.length - 1)
          expect(cumulative[atoms.indexOf(need.atoms[i] ?? 0)]).toBeCloseTo(
            (seen[i] ?? 0) * (1 - tail.chance),
            12,
          )
    }),
  )
})
