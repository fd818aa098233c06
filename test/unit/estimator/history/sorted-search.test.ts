import fc from 'fast-check'
import { expect, test } from 'vitest'
import { firstAbove, firstFrom } from '../../../../services/estimator/domain/history/sorted-search.ts'

const anyValue = fc.integer({ min: 0, max: 20 })

test('finds the first of the first n that is not below, or above, a value; n where none is', () => {
  fc.assert(
    fc.property(fc.array(anyValue), anyValue, fc.nat(3), (values, x, beyond) => {
      const sorted = values.toSorted((a, b) => a - b)
      // What lies behind the first n is not looked at.
      const held = Float64Array.from([...sorted, ...new Array<number>(beyond).fill(x)])
      const n = sorted.length
      const orAll = (index: number) => (index < 0 ? n : index)
      expect(firstFrom(held, n, x)).toBe(orAll(sorted.findIndex((value) => value >= x)))
      expect(firstAbove(held, n, x)).toBe(orAll(sorted.findIndex((value) => value > x)))
    }),
  )
})
