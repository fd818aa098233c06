import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  mixture,
  type ResidualComponent,
} from '../../../../services/estimator/domain/distribution/mixture.ts'
import {
  addResidual,
  type Kernel,
  pointKernel,
  residuals,
  skewedKernel,
} from '../../../../services/estimator/domain/distribution/residuals.ts'
import { anyResidual, anyWeight, listed } from '../../../support/distributions.ts'

/** Residuals around one, each with a weight. */
function componentOf(points: readonly (readonly [at: number, weight: number])[]): ResidualComponent {
  const spread = residuals()
  for (const [execution, [at]] of points.entries()) addResidual(spread, at, execution)
  const slow = Float64Array.from(points, ([, weight]) => weight)
  const zero = new Float64Array(points.length)
  const shares = { slow: 1, fast: 0, slowLocal: 0, fastLocal: 0 }
  return { residuals: spread, logPrediction: 0, slow, fast: zero, proximity: zero, shares }
}

/** P(ln need ≤ x) by every atom of every residual. */
function byEveryAtom(components: readonly ResidualComponent[], kernel: Kernel, x: number): number {
  let [below, total] = [0, 0]
  for (const { residuals, slow } of components)
    for (let i = 0; i < residuals.count; i++) {
      const weight = slow[residuals.execution[i] ?? 0] ?? 0
      total += weight
      for (const [k, atom] of kernel.atoms.entries())
        if ((residuals.values[i] ?? 0) + atom * (residuals.widths[i] ?? 0) <= x)
          below += weight * (kernel.weights[k] ?? 0)
    }
  return below / total
}

test('of so few residuals that each counts is all their atoms in order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(anyResidual, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 }),
      (values) => {
        const components = values.map((own) => componentOf(own.map((at) => [at, 1])))
        const { size, atoms, cumulative } = mixture(components, [])
        for (let i = 0; i < size; i++)
          if (i === size - 1 || (atoms[i + 1] ?? 0) - (atoms[i] ?? 0) > 1e-8) {
            expect(cumulative[i]).toBeCloseTo(
              byEveryAtom(components, skewedKernel, (atoms[i] ?? 0) + 5e-9),
              9,
            )
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
        const component = componentOf(points)
        const { size, atoms, cumulative } = mixture([component], [], { kernel: pointKernel })
        const shares = Array.from({ length: size }, (_, i) => (cumulative[i] ?? 0) - (cumulative[i - 1] ?? 0))
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
        const moved = Math.abs((cumulative[found] ?? 0) - byEveryAtom([component], pointKernel, x))
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
  const { size, atoms } = mixture([componentOf(values.map((at) => [at, 1]))], [], { kernel: pointKernel })
  const ats = [...atoms.subarray(0, size)]
  expect(ats.slice(-4)).toEqual(values.slice(-4))
  expect(ats.filter((at) => at > 0.08 && at < 2)).toEqual([])
  expect(size).toBeLessThan(40)
})

test('leaves the largest single however little it weighs', () => {
  const few = Array.from({ length: 9 }, (_, i) => [0.5 * i, 10] as const)
  const { size, atoms } = mixture([componentOf([...few, [5, 0.2], [5.05, 1]])], [], { kernel: pointKernel })
  expect(atoms[size - 1]).toBe(5.05)
})

test('of components that agree, or of atoms at the limit, each need comes once, with all its weight', () => {
  const component = componentOf([
    [0, 1],
    [0.5, 2],
    [1, 1],
  ])
  const [once, twice] = [[component], [component, component]].map((components) =>
    listed(mixture(components, [], { limit: 0.75 })),
  )
  expect(twice?.needs).toEqual(once?.needs)
  expect(new Set(once?.needs).size).toBe(once?.needs.length)
  for (const [i, share] of once?.cumulative.entries() ?? [])
    expect(twice?.cumulative[i]).toBeCloseTo(share, 12)
})

test('weighs run times where they are known, with the same needs', () => {
  const component = componentOf([
    [0, 1],
    [1, 1],
  ])
  const runtimes = { eachMs: Float64Array.of(1, 3), meanMs: 2 }
  const { size, cumulative, runtimeShare } = mixture([component], [], { kernel: pointKernel, runtimes })
  expect([...cumulative.subarray(0, size)]).toEqual([0.5, 1])
  expect([...runtimeShare.subarray(0, size)]).toEqual([0.25, 1])
})
