import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mixture, mixtureAround } from '../../../../services/estimator/domain/distribution/mixture.ts'
import {
  addResidual,
  type Kernel,
  pointKernel,
  residuals,
  skewedKernel,
  widthsOf,
} from '../../../../services/estimator/domain/distribution/residuals.ts'
import { distributionWorkspace } from '../../../../services/estimator/domain/distribution/workspace.ts'
import { anyResidual, anyWeight, listed } from '../../../support/distributions.ts'

/** Residuals around one, each with a weight. */
function componentOf(points: readonly (readonly [at: number, weight: number])[]) {
  const spread = residuals()
  for (const [execution, [at]] of points.entries()) addResidual(spread, at, execution)
  const slow = Float64Array.from(points, ([, weight]) => weight)
  const zero = new Float64Array(points.length)
  const shares = { slow: 1, fast: 0, slowLocal: 0, fastLocal: 0 }
  return { logPrediction: 0, weighted: { residuals: spread, slow, fast: zero, proximity: zero, shares } }
}

/** P(ln need ≤ x) by every atom of every residual. */
function byEveryAtom(
  components: readonly ReturnType<typeof componentOf>[],
  kernel: Kernel,
  x: number,
): number {
  let [below, total] = [0, 0]
  for (const {
    weighted: { residuals, slow },
  } of components)
    for (let i = 0; i < residuals.count; i++) {
      const weight = slow[residuals.execution[i] ?? 0] ?? 0
      total += weight
      for (const [k, atom] of kernel.atoms.entries())
        if ((residuals.values[i] ?? 0) + atom * (widthsOf(residuals)[i] ?? 0) <= x)
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
    ...Array.from({ length: 82 }, (_, i) => 0.001 * i),
    ...Array.from({ length: 16 }, (_, i) => 2 + 0.001 * i),
  ]
  const { size, atoms } = mixture([componentOf(values.map((at) => [at, 1]))], [], { kernel: pointKernel })
  const ats = [...atoms.subarray(0, size)]
  expect(ats.slice(-4)).toEqual(values.slice(-4))
  expect(ats.filter((at) => at > 0.082 && at < 2)).toEqual([])
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

  const spread = mixture([component], [], { runtimes })
  expect([...spread.runtimeShare.subarray(0, spread.size)]).toEqual(
    [0.45 / 4, 0.9 / 4, 0.25, 0.25 + 0.75 * 0.45, 0.25 + 0.75 * 0.9, 1].map((share) =>
      expect.closeTo(share, 12),
    ),
  )
})

test('a residual that stands alone is three atoms, in its width: −0.6, 0.3 and 1', () => {
  const component = {
    ...componentOf([
      [0, 1],
      [0.1, 3],
    ]),
    logPrediction: 7,
  }
  // Each is 0.03 wide.
  const { size, atoms, cumulative } = mixture([component], [])
  const close = (...values: readonly number[]) => values.map((value) => expect.closeTo(value, 12))
  expect([...atoms.subarray(0, size)]).toEqual(close(6.982, 7.009, 7.03, 7.082, 7.109, 7.13))
  expect([...cumulative.subarray(0, size)]).toEqual(
    close(0.45 / 4, 0.9 / 4, 0.25, 0.25 + 0.75 * 0.45, 0.25 + 0.75 * 0.9, 1),
  )
})

test('residuals close together are joined at their mean, a fifth of their width above it', () => {
  // 24 at 0.001 from each other, each 0.0015 wide: joined two by two, a twelfth of all, but for the last six.
  const values = Array.from({ length: 24 }, (_, i) => 0.001 * i)
  const { size, atoms, cumulative } = mixture([componentOf(values.map((at) => [at, 1]))], [])
  expect(size).toBe(9 + 6 * 3)
  for (let i = 0; i < 9; i++) {
    expect(atoms[i]).toBeCloseTo(0.0005 + 0.002 * i + 0.2 * 0.0015, 9)
    expect(cumulative[i]).toBeCloseTo((i + 1) / 12, 12)
  }
})

test('of residuals that are equal none is left out of a join', () => {
  const values = [0, 0.001, 0.001, ...Array.from({ length: 21 }, (_, i) => 0.002 + 0.001 * i)]
  const { atoms, cumulative } = mixture([componentOf(values.map((at) => [at, 1]))], [])
  expect(atoms[0]).toBeCloseTo(0.002 / 3 + 0.2 * 0.0015, 9)
  expect(cumulative[0]).toBeCloseTo(3 / 24, 12)
})

test('no atom is above the limit, not even the first', () => {
  const { needs, cumulative } = listed(
    mixture(
      [
        componentOf([
          [3, 1],
          [4, 1],
        ]),
      ],
      [],
      { limit: 2 },
    ),
  )
  expect(needs).toEqual([Math.exp(2)])
  expect(cumulative).toEqual([1])
})

test('residuals that are equal are one, those without weight are none', () => {
  const component = componentOf([
    [0, 1],
    [0, 1],
    [1, 0],
    [2, 2],
  ])
  const { needs, cumulative } = listed(mixture([component], [], { kernel: pointKernel }))
  expect(needs).toEqual([1, Math.exp(2)])
  expect(cumulative).toEqual([0.5, 1])
})

test('a residual counts by the four weights of its execution', () => {
  const { weighted } = componentOf([
    [0, 1],
    [5, 2],
  ])
  const component = {
    logPrediction: 0,
    weighted: {
      ...weighted,
      fast: Float64Array.of(3, 4),
      proximity: Float64Array.of(0.5, 1),
      shares: { slow: 1, fast: 10, slowLocal: 100, fastLocal: 1000 },
    },
  }
  // 1 × (1 + 50) + 3 × (10 + 500) and 2 × (1 + 100) + 4 × (10 + 1000)
  const { cumulative } = mixture([component], [], { kernel: pointKernel })
  expect(cumulative[0]).toBeCloseTo(1581 / (1581 + 4242), 12)
})

test('a prior is seven atoms around its logarithm, skewed upwards, in its scale', () => {
  const { size, atoms, cumulative } = mixture([], [{ at: 5, scale: 2, share: 1 }])
  const close = (...values: readonly number[]) => values.map((value) => expect.closeTo(value, 12))
  expect([...atoms.subarray(0, size)]).toEqual(close(4.4, 4.8, 4.96, 5.04, 5.2, 5.6, 6.4))
  expect([...cumulative.subarray(0, size)]).toEqual(close(0.08, 0.24, 0.48, 0.72, 0.88, 0.96, 1))
})

test('components and priors share by their weights; the prior runs for the mean time', () => {
  const component = componentOf([[0, 3]])
  const runtimes = { eachMs: Float64Array.of(5), meanMs: 2 }
  const priors = [
    { at: 10, scale: 1, share: 0.5 },
    { at: 20, scale: 1, share: 1.5 },
  ]
  const mixed = mixture([component], priors, { kernel: pointKernel, runtimes })
  expect(mixed.size).toBe(1 + 7 + 7)
  expect(mixed.cumulative[0]).toBeCloseTo(3 / 5, 12)
  expect(mixed.cumulative[7]).toBeCloseTo(3.5 / 5, 12)
  expect(mixed.runtimeShare[0]).toBeCloseTo(15 / 19, 12)
  expect(mixed.runtimeShare[7]).toBeCloseTo(16 / 19, 12)
})

test('run times that are not known go as the needs do', () => {
  const { size, cumulative, runtimeShare } = mixture([componentOf([[0, 1]])], [])
  expect([...runtimeShare.subarray(0, size)]).toEqual([...cumulative.subarray(0, size)])
})

test('a workspace that was used before changes nothing', () => {
  const workspace = distributionWorkspace()
  for (const count of [3, 40, 2, 1]) {
    const components = [0, 0.5, 1].map((from) =>
      componentOf(Array.from({ length: count }, (_, i) => [from + 0.01 * i, 1 + i])),
    )
    const priors = [{ at: 1, scale: 1, share: 1 }]
    expect(listed(mixture(components, priors, {}, workspace))).toEqual(listed(mixture(components, priors)))
  }
})

test('points around a middle have a prior there, worth half a point and narrower the more there are', () => {
  const one = mixtureAround([[1, 4]], 10)
  const close = (...values: readonly number[]) => values.map((value) => expect.closeTo(value, 12))
  expect(one.size).toBe(7 + 3)
  expect([...one.atoms.subarray(0, 7)]).toEqual(
    [-0.3, -0.1, -0.02, 0.02, 0.1, 0.3, 0.7].map((atom) => expect.closeTo(10 + (0.6 / 1.1) * atom, 12)),
  )
  expect([...one.atoms.subarray(7, 10)]).toEqual(close(10.9991, 11.00045, 11.0015))
  expect(one.cumulative[6]).toBeCloseTo(2 / 6, 12)

  const two = mixtureAround(
    [
      [3, 1],
      [5, 3],
    ],
    10,
  )
  expect(two.cumulative[6]).toBeCloseTo(1 / 5, 12)
  expect(two.atoms[0]).toBeCloseTo(10 - (0.3 * 0.6) / 1.2, 12)

  const none = mixtureAround([], 10)
  expect([...none.atoms.subarray(0, none.size)]).toEqual(
    close(9.82, 9.94, 9.988, 10.012, 10.06, 10.18, 10.42),
  )
  expect([...none.cumulative.subarray(0, none.size)]).toEqual(close(0.08, 0.24, 0.48, 0.72, 0.88, 0.96, 1))
})
