import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { probability } from '../../../../services/estimator/domain/distribution/distribution.ts'
import {
  grown,
  growthAt,
  growthWorkspace,
} from '../../../../services/estimator/domain/distribution/growth.ts'
import type { GrowthRecord } from '../../../../services/estimator/domain/distribution/growth-record.ts'
import type { JointLaw } from '../../../../services/estimator/domain/distribution/joint-laws.ts'
import { anyAmount, anyWeighed } from '../../../support/distributions.ts'
import { along, flat, growthOf, linear, listedGrowth, recordOf } from '../../../support/growths.ts'

const close = (...values: readonly number[]) => values.map((value) => expect.closeTo(value, 9))

describe('of two features the one that goes farther beyond says how far it is', () => {
  const product = (weights: Partial<JointLaw> = {}): GrowthRecord => ({
    ...linear,
    range: 0,
    laws: [
      {
        law: { exponent: 1, otherExponent: 1, own: 0, other: 0, both: 1, logPrior: 0, ...weights },
        weight: 1,
      },
    ],
  })
  const growthBy = (record: GrowthRecord, distance: number, other: number, mayStop = 0) =>
    listedGrowth(growthAt(along(record, distance, 0, [0, other]), growthWorkspace(), { mayStop, steep: 1 }))

  test('a law is blurred by that, where it grows with the other', () => {
    const spreadOf = (record: GrowthRecord, distance: number, other: number) => {
      const { cells } = growthBy(record, distance, other)
      return ((cells.at(-1) ?? 0) - (cells.at(0) ?? 0)) / 100
    }
    expect(spreadOf(product(), 0.01, 4)).toBeCloseTo(2 * 0.07 * 4, 1)
    expect(spreadOf(product(), 4, 0.01)).toBeCloseTo(2 * 0.07 * 4, 1)
    expect(spreadOf(product({ own: 1, both: 0 }), 1, 4)).toBeCloseTo(2 * 0.07, 1)
  })

  test('a need may stop on the way of either, and along neither sooner since the other goes on', () => {
    expect(growthBy(product(), 0.01, 4, 0.5).factor).toBeLessThan(0.7 * growthBy(product(), 0.01, 4).factor)
    const anyWay = fc.double({ min: 0.001, max: 8, noNaN: true })
    fc.assert(
      fc.property(anyWeighed, anyWay, anyWay, anyWay, anyAmount, (edge, other, a, b, amount) => {
        const sureAt = (distance: number) => {
          const workspace = growthWorkspace()
          const growth = growthAt(along(product(), distance, 0, [0, other]), workspace, {
            mayStop: 0.5,
            steep: 1,
          })
          return probability(grown(edge, growth, workspace), amount)
        }
        expect(sureAt(Math.max(a, b))).toBeLessThanOrEqual(sureAt(Math.min(a, b)) + 1e-9)
      }),
    )
  })
})

describe('of several ways', () => {
  const root = recordOf([0.5, 1, 1])

  test('as much lies above each factor as by the one by which most does', () => {
    // A root on 4.005, and a need as its feature on 2.005: 2.0025 ± 0.28035 and 2.005 ± 0.14035.
    const both = growthAt([...along(root, 4.005), ...along(linear, 2.005)], growthWorkspace())
    const { cells, weights } = listedGrowth(both)
    const above = (x: number) => weights.reduce((sum, w, i) => ((cells[i] ?? 0) > x ? sum + w : sum), 0)
    expect([150, 180, 195, 205, 222].map(above)).toEqual(close(1, 1, 0.75, 0.25, 0.25))
    expect(both.factor).toBeGreaterThan(growthAt(along(linear, 2.005), growthWorkspace()).factor)
  })

  test('one that grows no more changes nothing', () => {
    const [one, both] = [along(linear, 2.005), [...along(linear, 2.005), ...along(flat, 0.5)]].map((ways) =>
      listedGrowth(growthAt(ways, growthWorkspace())),
    )
    expect(both?.cells.filter((_, i) => (both.weights[i] ?? 0) > 1e-12)).toEqual(one?.cells)
    expect(both?.factor).toBeCloseTo(one?.factor ?? 0, 9)
  })

  test('leave nothing in the workspace for the next', () => {
    const workspace = growthWorkspace()
    const ways = [...along(root, 4), ...along(linear, 2), ...along(flat, 9)]
    const first = listedGrowth(growthAt(ways, workspace))
    expect(listedGrowth(growthAt(along(linear, 1), workspace))).toEqual(growthOf(linear, 1))
    expect(listedGrowth(growthAt(ways, workspace))).toEqual(first)
  })
})
