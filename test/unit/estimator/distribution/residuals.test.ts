import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  addResidual,
  firstReaching,
  pointKernel,
  residuals,
  skewedKernel,
  widthsOf,
} from '../../../../services/estimator/domain/distribution/residuals.ts'
import { anyResidual } from '../../../support/distributions.ts'
import { normal } from '../../../support/generated-work.ts'
import { randomOf } from '../../../support/random.ts'

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
        expect(widthsOf(other).slice(0, other.count)).toEqual(widthsOf(some).slice(0, some.count))
      },
    ),
  )
})

test('widths grow no faster than distances: whatever is added of them leaves the order', () => {
  fc.assert(
    fc.property(fc.array(anyResidual, { minLength: 1, maxLength: 96 }), (values) => {
      const all = residuals()
      for (const [execution, value] of values.entries()) addResidual(all, value, execution)
      const widths = widthsOf(all)
      for (const atom of skewedKernel.atoms) {
        const places = all.values.slice(0, all.count).map((value, i) => value + atom * (widths[i] ?? 0))
        for (const [i, place] of places.entries()) {
          expect(place).toBeGreaterThanOrEqual((places[i - 1] ?? place) - 1e-12)
        }
      }
    }),
  )
})

const residualsOf = (values: readonly number[]) => {
  const all = residuals()
  for (const [execution, value] of values.entries()) addResidual(all, value, execution)
  return all
}

/** 0.3 × the distance to the √count-th nearest of the others, within [0.0015, 0.3]. */
function widthAt(sorted: readonly number[], i: number): number {
  const rank = Math.min(Math.max(1, Math.round(Math.sqrt(sorted.length))), sorted.length - 1)
  const distances = sorted.map((value) => Math.abs(value - (sorted[i] as number))).sort((a, b) => a - b)
  return Math.min(Math.max(0.3 * (distances[rank] as number), 0.0015), 0.3)
}

test('a width is 0.3 × the distance to the √count-th nearest, within bounds', () => {
  const rounded = (...values: readonly number[]) => {
    const all = residualsOf(values)
    return [...widthsOf(all).subarray(0, all.count)].map((width) => Number(width.toFixed(12)))
  }
  expect(rounded(7)).toEqual([0.0015])
  expect(rounded(0, 0.1)).toEqual([0.03, 0.03])
  // The second nearest of 0 is 0.3, that of 0.1 too.
  expect(rounded(0, 0.1, 0.3)).toEqual([0.09, 0.06, 0.09])
  expect(rounded(0, 0.001)).toEqual([0.0015, 0.0015])
  expect(rounded(0, 9)).toEqual([0.3, 0.3])
})

test('widths are kept right by every residual that is added', () => {
  const random = randomOf(7)
  const all = residuals()
  const values: number[] = []
  for (let execution = 0; execution < 100; execution++) {
    const value = normal(random) * 0.5
    values.push(value)
    addResidual(all, value, execution)
    const sorted = values.toSorted((a, b) => a - b)
    expect([...all.values.subarray(0, all.count)]).toEqual(sorted)
    const widths = sorted.map((_, i) => Number(widthAt(sorted, i).toFixed(12)))
    expect(Array.from(widthsOf(all).subarray(0, all.count), (width) => Number(width.toFixed(12)))).toEqual(
      widths,
    )
  }
})

test('each residual keeps the number of its execution; the first execution predicted is known', () => {
  const all = residuals()
  for (const [i, value] of [5, 1, 3].entries()) addResidual(all, value, 10 + i)
  expect([...all.execution.subarray(0, 3)]).toEqual([11, 12, 10])
  expect(all.first).toBe(10)

  const many = residualsOf(Array.from({ length: 100 }, (_, i) => -i))
  expect([...many.execution.subarray(0, 100)]).toEqual(Array.from({ length: 100 }, (_, i) => 99 - i))
  expect(many.first).toBe(0)
})

test('finds the first residual that reaches above a value with so many of its widths', () => {
  fc.assert(
    fc.property(
      fc.array(anyResidual, { maxLength: 60 }),
      fc.constantFrom(0, 0.5, 1.5),
      anyResidual,
      (values, widthsAbove, x) => {
        const all = residualsOf(values)
        const widths = widthsOf(residualsOf(values))
        const places = Array.from(
          { length: all.count },
          (_, i) => (all.values[i] as number) + widthsAbove * (widths[i] as number),
        )
        const found = places.findIndex((place) => place > x)
        expect(firstReaching(all, widthsAbove, x)).toBe(found < 0 ? all.count : found)
      },
    ),
  )
})

test('kernels carry all the weight of a residual and have their atoms in order', () => {
  for (const { atoms, weights } of [skewedKernel, pointKernel]) {
    expect(atoms).toEqual(atoms.toSorted((a, b) => a - b))
    expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12)
    expect(weights.length).toBe(atoms.length)
  }
  expect(pointKernel.atoms).toEqual([0])
  expect(pointKernel.joined).toBe(0)
})
