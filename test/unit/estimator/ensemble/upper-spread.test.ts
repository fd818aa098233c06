import fc from 'fast-check'
import { expect, test } from 'vitest'
import { usualSpread } from '../../../../services/estimator/domain/distribution/tail.ts'
import { upperSpread } from '../../../../services/estimator/domain/ensemble/upper-spread.ts'
import { modelAfter } from '../../../support/models.ts'

const spreadOf = (needs: readonly number[]) =>
  upperSpread(
    modelAfter(
      needs.map((need) => ({ need })),
      {},
    ),
  )

test('a task that ran once is taken for a usual one', () => {
  expect(spreadOf([1e9])).toBe(usualSpread)
})

test('is the mean logarithm of the larger half over the largest of the others, and of three usual ones', () => {
  expect(spreadOf([4, 1, 2, 3])).toBeCloseTo((3 * usualSpread + Math.log(4 / 2) + Math.log(3 / 2)) / 5, 12)
  expect(spreadOf([8, 1, 2, 4, 2])).toBeCloseTo((3 * usualSpread + Math.log(8 / 2) + Math.log(4 / 2)) / 5, 12)
})

test('needs that are alike leave little, whatever the smaller half is', () => {
  const alike = Array.from({ length: 40 }, () => 5e8)
  expect(spreadOf(alike)).toBeCloseTo((3 * usualSpread) / 23, 12)
  expect(spreadOf([1, 10, 100, ...alike])).toBeCloseTo((3 * usualSpread) / 24, 12)
})

test('is above 0 and the same in any order and unit', () => {
  const anyNeeds = fc.array(fc.integer({ min: 1, max: 1e6 }), { minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(anyNeeds, (needs) => {
      const spread = spreadOf(needs)
      expect(spread).toBeGreaterThan(0)
      expect(spreadOf([...needs].reverse())).toBeCloseTo(spread, 9)
      expect(spreadOf(needs.map((need) => 1024 * need))).toBeCloseTo(spread, 9)
    }),
    { numRuns: 30 },
  )
})

test('is worked out anew once there is one more', () => {
  const needs = [1, 2, 4, 8]
  const model = modelAfter(
    needs.map((need) => ({ need })),
    {},
  )
  const before = upperSpread(model)
  expect(upperSpread(model)).toBe(before)
  expect(model.spread).toEqual({ executions: 4, upper: before })
  model.spread = { executions: 3, upper: 0 }
  expect(upperSpread(model)).toBe(before)
})
