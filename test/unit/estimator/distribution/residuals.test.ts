import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  addResidual,
  residuals,
  skewedKernel,
} from '../../../../services/estimator/domain/distribution/residuals.ts'
import { anyResidual } from '../../../support/distributions.ts'

test('only the set matters: in whatever order they come, values and widths are the same', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(anyResidual, { minLength: 1, maxLength: 96 }),
      fc.integer(),
      (values, seed) => {
        const some = residuals()
        const other = residuals()
        for (const value of values) addResidual(some, value, 0)
        const shuffled = [...values].sort((a, b) => Math.sin(a * seed + 1) - Math.sin(b * seed + 1))
        for (const value of shuffled) addResidual(other, value, 0)
        expect(other.values.slice(0, other.count)).toEqual(some.values.slice(0, some.count))
        expect(other.widths.slice(0, other.count)).toEqual(some.widths.slice(0, some.count))
      },
    ),
  )
})

test('widths grow no faster than distances: whatever is added of them leaves the order', () => {
  fc.assert(
    fc.property(fc.array(anyResidual, { minLength: 1, maxLength: 96 }), (values) => {
      const all = residuals()
      for (const [execution, value] of values.entries()) addResidual(all, value, execution)
      for (const atom of skewedKernel.atoms) {
        const places = all.values.slice(0, all.count).map((value, i) => value + atom * (all.widths[i] ?? 0))
        for (const [i, place] of places.entries()) {
          expect(place).toBeGreaterThanOrEqual((places[i - 1] ?? place) - 1e-12)
        }
      }
    }),
  )
})
