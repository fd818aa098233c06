import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { probability } from '../../../../services/estimator/domain/distribution/distribution.ts'
import {
  type Growth,
  grown,
  growthAt,
  growthWorkspace,
} from '../../../../services/estimator/domain/distribution/growth.ts'
import { growthLaws } from '../../../../services/estimator/domain/distribution/growth-laws.ts'
import type { GrowthRecord } from '../../../../services/estimator/domain/distribution/growth-record.ts'
import {
  alone,
  type JointLaw,
  logJointGrowth,
} from '../../../../services/estimator/domain/distribution/joint-laws.ts'
import { anyAmount, anyWeighed, listed, weighed } from '../../../support/distributions.ts'
import { along, flat, growthOf, linear, listedGrowth, recordOf } from '../../../support/growths.ts'

const close = (...values: readonly number[]) => values.map((value) => expect.closeTo(value, 9))

describe('a growth', () => {
  test('is the law, and a quarter each at 0.07 of the distance to either side, shared by the cells of 0.01 around', () => {
    // 2.004 − 0.14028, 2.004, 2.004 + 0.14028
    expect(growthOf(linear, 2.004)).toEqual({
      cells: [186, 187, 200, 201, 214, 215],
      weights: close(0.25 * 0.628, 0.25 * 0.372, 0.3, 0.2, 0.25 * 0.572, 0.25 * 0.428),
      factor: expect.closeTo(Math.exp(2.004), 9),
    })
  })

  test('with two features goes by where the other is, and grows along it on the same way', () => {
    const law = (own: number, other: number, both: number): GrowthRecord => ({
      ...linear,
      laws: [{ law: { exponent: 1, otherExponent: 2, own, other, both, logPrior: 0 }, weight: 1 }],
    })
    const factor = (record: GrowthRecord, other: readonly [number, number]) =>
      growthAt(along(record, Math.log(3), 0, other), growthWorkspace()).factor
    // 3 × 2²; the blur is even.
    expect(factor(law(0, 0, 1), [0, Math.log(2)])).toBeCloseTo(12, 9)
    // From 0.5 + 0.5 × (1 / 5)² = 0.52 to 0.5 × 3 + 0.02.
    expect(factor(law(0.5, 0.5, 0), [-Math.log(5), -Math.log(5)])).toBeCloseTo(1.52 / 0.52, 9)
    expect(factor(law(0.5, 0.5, 0), [0, Math.log(2)])).toBeCloseTo(0.5 * 3 + 0.5 * 4, 9)
  })

  test('counts of laws that grow faster than in proportion as much as is assumed', () => {
    const steepAnd = (exponent: number): GrowthRecord => {
      const laws = [1, exponent].map((of) => ({
        law: { exponent: of, otherExponent: 1, own: 1, other: 0, both: 0, logPrior: 0 },
        weight: 0.5,
      }))
      return { ...linear, laws }
    }
    const growth = (record: GrowthRecord, steep: number) =>
      Math.log(growthAt(along(record, 1), growthWorkspace(), { mayStop: 0, steep }).factor)
    expect(growth(steepAnd(2), 1)).toBeCloseTo(1.5, 9)
    // 1 · 0.5 + 2 · 0.125, over 0.625
    expect(growth(steepAnd(2), 1 / 4)).toBeCloseTo(1.2, 9)
    expect(growth(steepAnd(0.5), 1 / 4)).toBeCloseTo(0.75, 9)
  })

  test('is never below 1: without growth a quarter is above, and nothing is below', () => {
    expect(growthOf(flat, 2.004)).toEqual({
      cells: [0, 14, 15],
      weights: close(0.75, 0.25 * 0.972, 0.25 * 0.028),
      factor: expect.closeTo(Math.exp(0.14028 / 4), 9),
    })
  })

  test('from an edge beyond the largest value is what the law adds from there on', () => {
    const halves = recordOf([1, 0.25, 1])
    const after = Math.log((0.75 + 0.25 * Math.exp(1.2)) / (0.75 + 0.25 * Math.exp(0.4)))
    const { cells, factor } = growthOf(halves, 1.2, 0.4)
    expect(Math.log(factor)).toBeCloseTo(after, 9)
    const [least, most] = [Math.floor((after - 0.07 * 0.8) / 0.01), Math.ceil((after + 0.07 * 0.8) / 0.01)]
    expect([cells[0], cells.at(-1)]).toEqual([least, most])
  })

  /** Where it stops: what is within 0.07 of a place is around it. */
  const around = (place: number, { cells, weights }: ReturnType<typeof listedGrowth>) =>
    weights.reduce((sum, weight, i) => {
      const isNear = Math.abs((cells[i] ?? 0) * 0.01 - place) <= 0.07 * place + 0.01
      return isNear ? sum + weight : sum
    }, 0)
  const stoppingAt = (record: GrowthRecord, distance: number, mayStop: number, advance = 0) =>
    listedGrowth(growthAt(along(record, distance, advance), growthWorkspace(), { mayStop, steep: 1 }))

  test('may stop whenever the feature is three times as large, less likely each time, and no longer grows then', () => {
    const growth = stoppingAt({ ...linear, range: 0 }, 2.6, 0.25, 0.2)
    const { cells, weights } = growth
    expect(around(Math.log(3), growth)).toBeCloseTo(1 / 4, 9)
    expect(weights.reduce((a, b) => a + b)).toBeCloseTo(1, 9)
    expect(cells.at(0)).toBe(Math.floor(0.93 * Math.log(3) * 100))
    expect(cells.at(-1)).toBe(Math.ceil(1.07 * 2.4 * 100))
    // What has stopped neither at 3 nor at 9 times: 3/4 · 4/5, of which a quarter lies above 2.4 + 0.168.
    const last = weights.filter((_, i) => (cells[i] ?? 0) > 250).reduce((a, b) => a + b)
    expect(last).toBeCloseTo((0.75 * 0.8) / 4, 9)
  })

  test.each([
    // Two standard deviations of growth are told from scatter: a need as the value has them 0.1 below the largest…
    [linear, 2 * Math.log(3) + 0.1, 0.05, 1 / 6],
    // …one of which a quarter grows −ln(1 − (1 − e^−0.1) / 0.25) below it…
    [recordOf([1, 0.25, 1]), 2 * Math.log(3) - Math.log(1 - (1 - Math.exp(-0.1)) / 0.25), 0.05, 1 / 6],
    // …or never.
    [recordOf([1, 0.25, 1]), 2 * Math.log(3), 0.5, 1 / 4],
    [linear, 0.05, 0.05, 1 / 4],
  ])('stops less likely the farther it was seen to grow: %#', (record, range, scatter, chance) => {
    const growth = stoppingAt({ ...record, range, scatter }, 2, 0.25)
    const law = record.laws.find(({ weight }) => weight === 1)?.law as JointLaw
    const [stopped, whole] = [Math.log(3), 2].map((distance) => logJointGrowth(law, distance, 0)) as [
      number,
      number,
    ]
    const below = growth.weights.filter((_, i) => (growth.cells[i] ?? 0) * 0.01 < (stopped + whole) / 2)
    // A quarter of what goes on is 0.14 below where it goes, and still above the middle.
    expect(below.reduce((a, b) => a + b, 0)).toBeCloseTo(chance, 9)
  })

  test('is that of all laws, by their weights', () => {
    const { cells, weights, factor } = growthOf(recordOf([0.5, 1, 0.2], [2, 1, 0.8]), 1.003)
    // 0.5015 ± 0.07021 and 2.006 ± 0.07021
    expect(cells).toEqual([43, 44, 50, 51, 57, 58, 193, 194, 200, 201, 207, 208])
    const [lower, higher] = [weights.slice(0, 6), weights.slice(6)].map((of) => of.reduce((a, b) => a + b))
    expect([lower, higher]).toEqual(close(0.2, 0.8))
    expect(factor).toBeCloseTo(Math.exp(0.2 * 0.5015 + 0.8 * 2.006), 9)
  })

  test.each([
    ['where the law that comes last grows less', recordOf([0.5, 1, 0.6], [1, 0.01, 0.4]), 2],
    ['where all of it lies in the first cells', flat, 0.2],
  ])('has the weight of all laws together, also %s', (_, record, distance) => {
    expect(growthOf(record, distance).weights.reduce((a, b) => a + b)).toBeCloseTo(1, 12)
  })

  test('leaves out laws of a weight below a thousandth', () => {
    expect(growthOf(recordOf([1, 1, 0.9991], [2, 1, 0.0009]), 1.003)).toMatchObject({
      cells: [93, 94, 100, 101, 107, 108],
      factor: expect.closeTo(Math.exp(1.003), 9),
    })
    expect(growthOf(recordOf([1, 1, 0.999], [2, 1, 0.001]), 1.003).cells).toHaveLength(12)
  })

  test('ends at cell 4094', () => {
    // 40 − 1.4 is within, 40 + 1.4 is not.
    const { cells, factor } = growthOf(recordOf([2, 1, 1]), 20)
    expect(cells).toEqual([3860, 4000, 4094])
    expect(Math.log(factor)).toBeCloseTo(40, 9)
  })

  test('leaves nothing in the workspace for the next', () => {
    const workspace = growthWorkspace()
    for (const [record, distance] of [
      [recordOf([2, 1, 1]), 20],
      [linear, 1],
      [flat, 3],
    ] as const)
      expect(listedGrowth(growthAt(along(record, distance), workspace))).toEqual(growthOf(record, distance))
  })
})

/** A growth by so many cells, so often each. */
const byCells = (...found: readonly (readonly [cell: number, weight: number])[]): Growth => ({
  cells: Int32Array.from(found, ([cell]) => cell),
  weights: Float64Array.from(found, ([, weight]) => weight),
  size: found.length,
  factor: 1,
})

const listedGrown = (...args: Parameters<typeof grown>) => {
  const { size, atoms, cumulative, runtimeShare } = grown(...args)
  return {
    atoms: [...atoms.subarray(0, size)],
    cumulative: [...cumulative.subarray(0, size)],
    runtimeShare: [...runtimeShare.subarray(0, size)],
  }
}

describe('a need that has grown', () => {
  test('is each need at the edge with each growth, each spread over the cell below it', () => {
    const edge = weighed([
      [0.01, 1, 3],
      [0.03, 3, 1],
    ])
    // Cells 1 and 3 at the edge: 1, 3, 11 and 13.
    const result = listedGrown(edge, byCells([0, 0.25], [10, 0.75]), growthWorkspace())
    expect(result.atoms).toEqual(close(0.01, 0.02, 0.03, 0.1, 0.11, 0.12, 0.13))
    expect(result.cumulative).toEqual(close(0.0625, 0.0625, 0.25, 0.25, 0.4375, 0.4375, 1))
    expect(result.runtimeShare).toEqual(close(0.1875, 0.1875, 0.25, 0.25, 0.8125, 0.8125, 1))
  })

  test('shares a need between the two cells that it lies between, and needs of one cell come once', () => {
    const edge = weighed([
      [0.012, 1, 3],
      [0.019, 1, 1],
    ])
    const result = listedGrown(edge, byCells([1, 0.5], [2, 0.5]), growthWorkspace())
    // 0.8 and 0.1 of the two at cell 1, the rest at cell 2; both one and two further.
    expect(result.atoms).toEqual(close(0.02, 0.03, 0.04))
    expect(result.cumulative).toEqual(close(0.225, 0.725, 1))
    expect(result.runtimeShare).toEqual(close(0.3125, 0.8125, 1))
  })

  test('begins at the least that it may be, which as a logarithm may be below 0', () => {
    expect(listedGrown(weighed([[-0.99, 1]]), byCells([10, 1]), growthWorkspace()).atoms).toEqual(
      close(-0.89),
    )
  })

  test('lies within 4096 cells from the first on: what is farther is in the last', () => {
    const edge = weighed([
      [0.01, 1],
      [30.01, 1],
      [50.01, 2],
    ])
    const { atoms, cumulative } = listedGrown(edge, byCells([0, 1]), growthWorkspace())
    expect(atoms).toEqual(close(0.01, 30, 30.01, 40.95, 40.96))
    expect(cumulative).toEqual(close(0.25, 0.25, 0.5, 0.5, 1))
  })

  test('is a whole even where the growth leaves laws out', () => {
    const result = listedGrown(
      weighed([
        [0.01, 1],
        [0.11, 1],
      ]),
      byCells([0, 0.5], [5, 0.4]),
      growthWorkspace(),
    )
    expect(result.cumulative).toEqual(close(0.5 / 1.8, 0.5 / 1.8, 0.5, 0.5, 1.4 / 1.8, 1.4 / 1.8, 1))
    expect(result.runtimeShare).toEqual(result.cumulative)
  })

  test('leaves nothing in the workspace for the next', () => {
    const workspace = growthWorkspace()
    for (const count of [3, 300, 2]) {
      const edge = weighed(Array.from({ length: count }, (_, i) => [0.01 * i + 0.005, 1]))
      const growth = byCells([3, 0.5], [count, 0.5])
      expect(listedGrown(edge, growth, workspace)).toEqual(listedGrown(edge, growth, growthWorkspace()))
    }
  })
})

test('a need grows by what the sizes say there is: arrays may be longer', () => {
  const [edge, growth] = [weighed([[0.015, 1]]), byCells([2, 1])]
  const and = (array: Float64Array, more: number) => Float64Array.of(...array, more)
  const longerEdge = {
    size: 1,
    atoms: and(edge.atoms, 0.02),
    cumulative: and(edge.cumulative, 7),
    runtimeShare: and(edge.runtimeShare, 7),
  }
  const longerGrowth = { ...growth, cells: Int32Array.of(2, 1), weights: and(growth.weights, 5) }
  expect(listedGrown(longerEdge, longerGrowth, growthWorkspace())).toEqual(
    listedGrown(edge, growth, growthWorkspace()),
  )
})

const anyRecord = fc
  .array(fc.integer({ min: 0, max: 9 }), { minLength: growthLaws.length, maxLength: growthLaws.length })
  .filter((parts) => parts.some((part) => part > 0))
  .map((parts): GrowthRecord => {
    const sum = parts.reduce((a, b) => a + b, 0)
    return { ...flat, laws: growthLaws.map((law, i) => ({ law: alone(law), weight: (parts[i] ?? 0) / sum })) }
  })
const anyDistance = fc.double({ min: 1e-6, max: 20, noNaN: true })

test('whatever has grown is in order and certain in the end', () => {
  fc.assert(
    fc.property(anyWeighed, anyRecord, anyDistance, (edge, record, distance) => {
      const workspace = growthWorkspace()
      const after = grown(edge, growthAt(along(record, distance), workspace), workspace)
      const { cumulative, runtimeShare } = listed(after)
      const atoms = [...after.atoms.subarray(0, after.size)]
      expect(atoms).toEqual([...new Set(atoms)].sort((a, b) => a - b))
      for (const shares of [cumulative, runtimeShare]) {
        expect(shares).toEqual(shares.toSorted((a, b) => a - b))
        expect(shares.at(-1)).toBe(1)
      }
    }),
  )
})

test.each([0, 0.3])(
  'the farther, the less an amount suffices, and the more the need grows on average, where it may stop with %d',
  (mayStop) => {
    fc.assert(
      fc.property(
        anyWeighed,
        anyRecord,
        anyDistance,
        anyDistance,
        anyAmount,
        (edge, record, a, b, amount) => {
          const at = (distance: number) => {
            const workspace = growthWorkspace()
            const growth = growthAt(along(record, distance), workspace, { mayStop, steep: 1 })
            return { factor: growth.factor, sure: probability(grown(edge, growth, workspace), amount) }
          }
          const [near, far] = [at(Math.min(a, b)), at(Math.max(a, b))]
          expect(near.factor).toBeGreaterThanOrEqual(1)
          expect(far.factor).toBeGreaterThanOrEqual(near.factor * (1 - 1e-12))
          expect(far.sure).toBeLessThanOrEqual(near.sure + 1e-9)
        },
      ),
    )
  },
)
