import { expect, test } from 'vitest'
import { median } from '../../../shared/domain/median.ts'

test.each([
  [[], undefined],
  [[3], 3],
  [[9, 1], 5],
  [[10, 2, 1], 2],
  [[10, 9, 1, 2], 5.5],
] as const)('the median of %j is %j, whatever their order', (values, middle) => {
  expect(median(values)).toBe(middle)
  expect(median(values.toReversed())).toBe(middle)
})
