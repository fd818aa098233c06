import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { probability, quantile } from '../../../services/estimator/domain/distribution.ts'
import { around, mixture, type Part } from '../../../services/estimator/domain/mixture.ts'
import {
  type Kernel,
  leaning,
  note,
  pointed,
  residuals,
} from '../../../services/estimator/domain/residuals.ts'
import {
  anyAmount,
  anyDistribution,
  anyResidual,
  anyShare,
  anyWeight,
  listed,
} from '../../support/distributions.ts'

/** Residuals around one, each with a weight. */
function partOf(points: readonly (readonly [at: number, weight: number])[]): Part {
  const spread = residuals()
  for (const [origin, [at]] of points.entries()) note(spread, at, origin)
  const slow = Float64Array.from(points, ([, weight]) => weight)
  const none = new Float64Array(points.length)
  const shares = { slow, fast: none, near: none, bySlow: 1, byFast: 0, bySlowNear: 0, byFastNear: 0 }
  return { residuals: spread, shift: 0, shares }
}

/** P(ln need ≤ x) by every atom of every residual. */
function plainly(parts: readonly Part[], kernel: Kernel, x: number): number {
  let [below, total] = [0, 0]
  for (const { residuals, shares } of parts)
    for (let i = 0; i < residuals.count; i++) {
      const weight = shares.slow[residuals.origin[i] ?? 0] ?? 0
      total += weight
      for (const [k, atom] of kernel.atoms.entries())
        if ((residuals.values[i] ?? 0) + atom * (residuals.widths[i] ?? 0) <= x)
          below += weight * (kernel.weights[k] ?? 0)
    }
  return below / total
}

describe('residuals', () => {
  test('only the set matters: in whatever order they come, values and widths are the same', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(anyResidual, { minLength: 1, maxLength: 96 }),
        fc.integer(),
        (values, seed) => {
          const some = residuals()
          const other = residuals()
          for (const value of values) note(some, value, 0)
          const shuffled = [...values].sort((a, b) => Math.sin(a * seed + 1) - Math.sin(b * seed + 1))
          for (const value of shuffled) note(other, value, 0)
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
        for (const [origin, value] of values.entries()) note(all, value, origin)
        for (const atom of leaning.atoms) {
          const places = all.values.slice(0, all.count).map((value, i) => value + atom * (all.widths[i] ?? 0))
          for (const [i, place] of places.entries()) {
            expect(place).toBeGreaterThanOrEqual((places[i - 1] ?? place) - 1e-12)
          }
        }
      }),
    )
  })
})

describe('a distribution', () => {
  test('of so few residuals that each counts is all their atoms in order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(anyResidual, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 }),
        (values) => {
          const parts = values.map((own) => partOf(own.map((at) => [at, 1])))
          const { size, atoms, below } = mixture(parts, [])
          for (let i = 0; i < size; i++)
            if (i === size - 1 || (atoms[i + 1] ?? 0) - (atoms[i] ?? 0) > 1e-8) {
              expect(below[i]).toBeCloseTo(plainly(parts, leaning, (atoms[i] ?? 0) + 5e-9), 9)
            }
        },
      ),
    )
  })

  test('of many joins those close together: no more than a twelfth moves, and their mean stays', () => {
    const mean = (ats: readonly number[], weights: readonly number[]) =>
      ats.reduce((sum, at, i) => sum + at * (weights[i] ?? 0), 0) / weights.reduce((sum, one) => sum + one, 0)
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyResidual, anyWeight), { minLength: 1, maxLength: 96 }),
        anyResidual,
        (points, x) => {
          const part = partOf(points)
          const { size, atoms, below } = mixture([part], [], { kernel: pointed })
          const shares = Array.from({ length: size }, (_, i) => (below[i] ?? 0) - (below[i - 1] ?? 0))
          const weights = points.map(([, weight]) => weight)
          expect(mean([...atoms.subarray(0, size)], shares)).toBeCloseTo(
            mean(
              points.map(([at]) => at),
              weights,
            ),
            6,
          )
          const total = weights.reduce((sum, weight) => sum + weight, 0)
          const byValue = Map.groupBy(points, ([at]) => at)
          const largest = Math.max(
            ...[...byValue.values()].map((same) => same.reduce((sum, [, weight]) => sum + weight, 0)),
          )
          const found = atoms.subarray(0, size).findLastIndex((at) => at <= x)
          const moved = Math.abs((below[found] ?? 0) - plainly([part], pointed, x))
          expect(moved).toBeLessThanOrEqual(1 / 12 + largest / total + 1e-9)
        },
      ),
    )
  })

  test('keeps the largest residuals apart, and does not bridge a gap', () => {
    const values = [
      ...Array.from({ length: 80 }, (_, i) => 0.001 * i),
      ...Array.from({ length: 16 }, (_, i) => 2 + 0.001 * i),
    ]
    const { size, atoms } = mixture([partOf(values.map((at) => [at, 1]))], [], { kernel: pointed })
    const ats = [...atoms.subarray(0, size)]
    expect(ats.slice(-4)).toEqual(values.slice(-4))
    expect(ats.filter((at) => at > 0.08 && at < 2)).toEqual([])
    expect(size).toBeLessThan(40)
  })

  test('leaves the largest single however little it weighs', () => {
    const few = Array.from({ length: 9 }, (_, i) => [0.5 * i, 10] as const)
    const { size, atoms } = mixture([partOf([...few, [5, 0.2], [5.05, 1]])], [], { kernel: pointed })
    expect(atoms[size - 1]).toBe(5.05)
  })

  test('of parts that agree, or of atoms at the limit, each need comes once, with all its weight', () => {
    const part = partOf([
      [0, 1],
      [0.5, 2],
      [1, 1],
    ])
    const [once, twice] = [[part], [part, part]].map((parts) => listed(mixture(parts, [], { limit: 0.75 })))
    expect(twice?.needs).toEqual(once?.needs)
    expect(new Set(once?.needs).size).toBe(once?.needs.length)
    for (const [i, share] of once?.below.entries() ?? []) expect(twice?.below[i]).toBeCloseTo(share, 12)
  })

  test('weighs run times where they are known, with the same needs', () => {
    const part = partOf([
      [0, 1],
      [1, 1],
    ])
    const runtimes = { each: Float64Array.of(1, 3), mean: 2 }
    const { size, below, spent } = mixture([part], [], { kernel: pointed, runtimes })
    expect([...below.subarray(0, size)]).toEqual([0.5, 1])
    expect([...spent.subarray(0, size)]).toEqual([0.25, 1])
  })

  test('is ascending, adds up to one, and its quantiles and probabilities are each other’s inverse', () => {
    fc.assert(
      fc.property(anyDistribution, anyShare, (distribution, q) => {
        const { needs, below } = listed(distribution)
        for (let i = 1; i < distribution.size; i++)
          expect(distribution.atoms[i]).toBeGreaterThan(distribution.atoms[i - 1] ?? 0)
        expect(below).toEqual(below.toSorted((a, b) => a - b))
        expect(below.at(-1)).toBe(1)
        expect(quantile(distribution, q)).toBe(needs[below.findIndex((share) => share >= q)])
        expect(probability(distribution, quantile(distribution, q))).toBeGreaterThanOrEqual(q)
      }),
    )
  })

  test('gives more to more, nothing to nothing, and everything to enough', () => {
    fc.assert(
      fc.property(anyDistribution, anyAmount, anyAmount, (distribution, a, b) => {
        const [less, more] = [
          probability(distribution, Math.min(a, b)),
          probability(distribution, Math.max(a, b)),
        ]
        expect(less).toBeLessThanOrEqual(more)
        expect(probability(distribution, 0)).toBe(0)
        expect(probability(distribution, Number.MAX_VALUE)).toBe(1)
      }),
    )
  })

  test('a need too small to be told from zero leaves every probability one', () => {
    const distribution = around(
      [
        [-800, 1],
        [20, 1],
      ],
      0,
    )
    expect(listed(distribution).needs[0]).toBe(0)
    for (const amount of [5e-324, 1.5, 1e6]) {
      expect(probability(distribution, amount)).toBeGreaterThan(0)
      expect(probability(distribution, amount)).toBeLessThan(1)
    }
  })
})
