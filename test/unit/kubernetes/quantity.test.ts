import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cpuQuantity, memoryQuantity, parseQuantity } from '../../../services/kubernetes/domain/quantity.ts'

test.each([
  ['2Gi', 2 * 2 ** 30],
  ['1500m', 1.5],
  ['1e9', 1e9],
  ['1E3', 1000],
  ['2E', 2e18],
  ['.5', 0.5],
  ['100M', 1e8],
])('%s is read as Kubernetes reads it', (text, value) => {
  expect(parseQuantity(text)).toBeCloseTo(value, 9)
})

test.each(['', 'x', '1 Gi', '1GiB', '--1', '1e', 'Gi'])('"%s" is no quantity', (text) => {
  expect(parseQuantity(text)).toBeUndefined()
})

test('what is written is never below what was learned, and by less than its step above', () => {
  fc.assert(
    fc.property(fc.double({ min: 1, max: 1e15, noNaN: true }), (bytes) => {
      const given = parseQuantity(memoryQuantity(bytes)) ?? 0
      expect(given).toBeGreaterThanOrEqual(bytes)
      expect(given - bytes).toBeLessThan(2 ** 20)
    }),
  )
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e6 }), (thousandths) => {
      expect(cpuQuantity(thousandths / 1000)).toBe(`${thousandths}m`)
    }),
  )
})
