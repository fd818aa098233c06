import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { probability } from '../../../../services/estimator/domain/distribution/distribution.ts'
import {
  type Growth,
  grown,
  growthAt,
  growthWorkspace,
} from '../../../../services/estimator/domain/distribution/growth.ts'
import { growthLaws, type LawRecord } from '../../../../services/estimator/domain/distribution/growth-laws.ts'
import { anyAmount, anyWeighed, listed, weighed } from '../../../support/distributions.ts'

/** A record that gives these laws these weights, and others none. */
const recordOf = (
  ...laws: readonly (readonly [exponent: number, share: number, weight: number])[]
): LawRecord => ({
  executions: 1,
  column: 0,
  range: 1,
  scatter: 0,
  weights: Float64Array.from(growthLaws, (law) =>
    laws.reduce((sum, [exponent, share, weight]) => {
      return law.exponent === exponent && law.share === share ? sum + weight : sum
    }, 0),
  ),
})

const flat = recordOf([1, 0, 1])
const linear = recordOf([1, 1, 1])

const listedGrowth = ({ cells, weights, size, factor }: Growth) => ({
  cells: [...cells.subarray(0, size)],
  weights: [...weights.subarray(0, size)],
  factor,
})

const growthOf = (record: LawRecord, distance: number) =>
  listedGrowth(growthAt(record, distance, growthWorkspace()))

const close = (...values: readonly number[]) => values.map((value) => expect.closeTo(value, 9))

describe('a growth', () => {
  test('is the law, and a quarter each at 0.07 of the distance to either side, in cells of 0.01, rounded up', () => {
    // 2.005 − 0.14035, 2.005, 2.005 + 0.14035
    expect(growthOf(linear, 2.005)).toEqual({
      cells: [187, 201, 215],
      weights: close(0.25, 0.5, 0.25),
      factor: expect.closeTo(Math.exp(2.005), 9),
    })
  })

  test('is never below 1: without growth a quarter is above, and nothing is below', () => {
    expect(growthOf(flat, 2.005)).toEqual({
      cells: [0, 15],
      weights: close(0.75, 0.25),
      factor: expect.closeTo(Math.exp(0.14035 / 4), 9),
    })
  })

  test('is that of all laws, by their weights', () => {
    const { cells, weights, factor } = growthOf(recordOf([0.5, 1, 0.2], [2, 1, 0.8]), 1.003)
    // 0.5015 ± 0.07021 and 2.006 ± 0.07021
    expect(cells).toEqual([44, 51, 58, 194, 201, 208])
    expect(weights).toEqual(close(0.05, 0.1, 0.05, 0.2, 0.4, 0.2))
    expect(factor).toBeCloseTo(Math.exp(0.2 * 0.5015 + 0.8 * 2.006), 9)
  })

  test('leaves out laws of a weight below a thousandth', () => {
    expect(growthOf(recordOf([1, 1, 0.9991], [2, 1, 0.0009]), 1.003)).toMatchObject({
      cells: [94, 101, 108],
      factor: expect.closeTo(Math.exp(1.003), 9),
    })
    expect(growthOf(recordOf([1, 1, 0.999], [2, 1, 0.001]), 1.003).cells).toHaveLength(6)
  })

  test('ends at cell 4095', () => {
    // 40 − 1.4 is within, 40 + 1.4 is not.
    const { cells, factor } = growthOf(recordOf([2, 1, 1]), 20)
    expect(cells).toHaveLength(3)
    expect(cells.at(-1)).toBe(4095)
    expect(Math.log(factor)).toBeCloseTo(40, 9)
  })

  test('leaves nothing in the workspace for the next', () => {
    const workspace = growthWorkspace()
    for (const [record, distance] of [
      [recordOf([2, 1, 1]), 20],
      [linear, 1],
      [flat, 3],
    ] as const)
      expect(listedGrowth(growthAt(record, distance, workspace))).toEqual(growthOf(record, distance))
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
      [0.005, 1, 3],
      [0.025, 3, 1],
    ])
    // Cells 1 and 3 at the edge: 1, 3, 11 and 13.
    const result = listedGrown(edge, byCells([0, 0.25], [10, 0.75]), growthWorkspace())
    expect(result.atoms).toEqual(close(0.01, 0.02, 0.03, 0.1, 0.11, 0.12, 0.13))
    expect(result.cumulative).toEqual(close(0.0625, 0.0625, 0.25, 0.25, 0.4375, 0.4375, 1))
    expect(result.runtimeShare).toEqual(close(0.1875, 0.1875, 0.25, 0.25, 0.8125, 0.8125, 1))
  })

  test('has nothing between cells that touch, and needs of one cell come once', () => {
    const edge = weighed([
      [0.011, 1, 3],
      [0.019, 1, 1],
    ])
    const result = listedGrown(edge, byCells([1, 0.5], [2, 0.5]), growthWorkspace())
    expect(result.atoms).toEqual(close(0.03, 0.04))
    expect(result.cumulative).toEqual(close(0.5, 1))
    expect(result.runtimeShare).toEqual(close(0.5, 1))
  })

  test('begins at the least that it may be, which as a logarithm may be below 0', () => {
    expect(listedGrown(weighed([[-0.995, 1]]), byCells([10, 1]), growthWorkspace()).atoms).toEqual(
      close(-0.89),
    )
  })

  test('lies within 4096 cells from the first on: what is farther is in the last', () => {
    const edge = weighed([
      [0.005, 1],
      [30.005, 1],
      [50.005, 2],
    ])
    const { atoms, cumulative } = listedGrown(edge, byCells([0, 1]), growthWorkspace())
    expect(atoms).toEqual(close(0.01, 30, 30.01, 40.95, 40.96))
    expect(cumulative).toEqual(close(0.25, 0.25, 0.5, 0.5, 1))
  })

  test('is a whole even where the growth leaves laws out', () => {
    const result = listedGrown(
      weighed([
        [0.005, 1],
        [0.105, 1],
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
      const edge = weighed(Array.from({ length: count }, (_, i) => [0.1 * i, 1]))
      const growth = byCells([3, 0.5], [count, 0.5])
      expect(listedGrown(edge, growth, workspace)).toEqual(listedGrown(edge, growth, growthWorkspace()))
    }
  })
})

const anyRecord = fc
  .array(fc.integer({ min: 0, max: 9 }), { minLength: growthLaws.length, maxLength: growthLaws.length })
  .filter((parts) => parts.some((part) => part > 0))
  .map((parts): LawRecord => {
    const sum = parts.reduce((a, b) => a + b, 0)
    return { ...flat, weights: Float64Array.from(parts, (part) => part / sum) }
  })
const anyDistance = fc.double({ min: 1e-6, max: 20, noNaN: true })

test('whatever has grown is in order and certain in the end', () => {
  fc.assert(
    fc.property(anyWeighed, anyRecord, anyDistance, (edge, record, distance) => {
      const workspace = growthWorkspace()
      const after = grown(edge, growthAt(record, distance, workspace), workspace)
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

test('the farther, the less an amount suffices, and the more the need grows on average', () => {
  fc.assert(
    fc.property(anyWeighed, anyRecord, anyDistance, anyDistance, anyAmount, (edge, record, a, b, amount) => {
      const at = (distance: number) => {
        const workspace = growthWorkspace()
        const growth = growthAt(record, distance, workspace)
        return { factor: growth.factor, sure: probability(grown(edge, growth, workspace), amount) }
      }
      const [near, far] = [at(Math.min(a, b)), at(Math.max(a, b))]
      expect(near.factor).toBeGreaterThanOrEqual(1)
      expect(far.factor).toBeGreaterThanOrEqual(near.factor * (1 - 1e-12))
      expect(far.sure).toBeLessThanOrEqual(near.sure + 1e-9)
    }),
  )
})
