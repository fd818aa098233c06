import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  addError,
  growthLaws,
  logLikelihood,
  noMisfit,
  weightOf,
} from '../../../../services/estimator/domain/distribution/growth-laws.ts'
import {
  growthRecord,
  pairRecords,
} from '../../../../services/estimator/domain/distribution/growth-record.ts'
import {
  type JointLaw,
  jointLaws,
  jointLawsOfOther,
  logJointGrowth,
} from '../../../../services/estimator/domain/distribution/joint-laws.ts'
import { atOnce } from '../../../../shared/domain/at-once.ts'
import { executionsAt, pointAt } from '../../../support/points.ts'

type Row = readonly [values: readonly (number | undefined)[], need: number]

const executionsOf = (rows: readonly Row[]) =>
  executionsAt(
    rows.map(([values]) => pointAt(values)),
    (i) => ({ need: rows[i]?.[1] ?? 0 }),
  )

const recordOf = (rows: readonly Row[], column = 0) => {
  const executions = executionsOf(rows)
  const alone = (of: number) => growthRecord(executions, of)
  return atOnce(pairRecords(alone(column), executions, alone)).get(column) ?? alone(column)
}

test.each([
  // (0.5 + 0.5 · 3) · (0.5 + 0.5 · 2²)
  ['product', { own: 0.25, other: 0.25, both: 0.25 }, 3, 2, 2 * 2.5],
  ['product with a fixed part', { own: 0, other: 0, both: 0.5 }, 3, 2, 0.5 + 0.5 * 12],
  ['sum', { own: 0.5, other: 0.25, both: 0 }, 3, 2, 0.25 + 1.5 + 1],
  ['sum of nothing fixed', { own: 0.5, other: 0.5, both: 0 }, 3, 1 / 10, 1.5 + 0.005],
  ['law of one', { own: 1, other: 0, both: 0 }, 3, 2, 3],
] as const)('a %s: %o at %d and %d times the largest values', (_, shares, r, q, grown) => {
  const law: JointLaw = { exponent: 1, otherExponent: 2, ...shares, logPrior: 0 }
  expect(Math.exp(logJointGrowth(law, Math.log(r), Math.log(q)))).toBeCloseTo(grown, 12)
})

test('shares of all of a need are all of it, however far below the largest values', () => {
  for (const law of jointLaws)
    expect(Number.isFinite(logJointGrowth(law, -20, -20)), JSON.stringify(law)).toBe(true)
})

describe('the laws', () => {
  const prior = (of: readonly JointLaw[]) => of.reduce((sum, { logPrior }) => sum + Math.exp(logPrior), 0)

  test('are as probable as all together, half of it that the other feature does not matter', () => {
    expect(prior(jointLaws)).toBeCloseTo(1, 12)
    const ofOne = jointLaws.filter(({ other, both }) => other + both === 0)
    expect(prior(ofOne)).toBeCloseTo(0.5, 12)
    expect(ofOne).toHaveLength(growthLaws.length)
  })

  test('have no shares below 0, nor more than all of the need', () => {
    for (const { own, other, both } of jointLaws) {
      expect(Math.min(own, other, both)).toBeGreaterThanOrEqual(0)
      expect(own + other + both).toBeLessThanOrEqual(1 + 1e-12)
    }
  })
})

/** 40 pairs from 1 to 100 each, which say nothing of each other. */
const pairs = Array.from(
  { length: 40 },
  (_, i) => [100 ** ((i * 0.7548776662) % 1), 100 ** ((i * 0.569840291) % 1)] as const,
)
const needing = (need: (a: number, b: number) => number) => pairs.map(([a, b]): Row => [[a, b], need(a, b)])

describe('the record of two features', () => {
  test.each([
    ['sum', (a: number, b: number) => 100 + 40 * a + 10 * b, { both: 0 }],
    ['product', (a: number, b: number) => 3 * a * b, { own: 0, other: 0, both: 1 }],
    ['product with a root', (a: number, b: number) => 3 * a * Math.sqrt(b), { otherExponent: 0.5, both: 1 }],
    ['product with a fixed part', (a: number, b: number) => 1000 + a * b, { own: 0, other: 0 }],
  ] as const)('finds a %s', (_, need, likeliest) => {
    const { joint, laws, scatter } = recordOf(needing(need))
    expect(joint).toMatchObject({ column: 1, likeliest })
    expect(laws.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 2)
    expect(scatter).toBeLessThan(0.15)
    expect(joint?.range).toBeCloseTo(
      Math.log(Math.max(...pairs.map(([, b]) => b))) - Math.log(Math.min(...pairs.map(([, b]) => b))),
      12,
    )
  })

  test('goes along the other feature too, with the two in each other’s place', () => {
    const sum = (a: number, b: number) => 100 + 40 * a + 10 * Math.sqrt(b) * 10
    const [own, other] = [
      recordOf(needing(sum)),
      recordOf(
        pairs.map(([a, b]): Row => [[b, a], sum(a, b)]),
        1,
      ),
    ]
    expect(own.joint).toMatchObject({ column: 1, likeliest: { exponent: 1, otherExponent: 0.5, both: 0 } })
    expect(other.joint?.likeliest).toEqual(own.joint?.likeliest)
    const executions = executionsOf(needing(sum))
    const alone = (of: number) => growthRecord(executions, of)
    const along = atOnce(pairRecords(alone(0), executions, alone))
    expect([...along.keys()]).toEqual([0, 1])
    expect(along.get(1)).toMatchObject({
      column: 1,
      range: alone(1).range,
      joint: { column: 0, likeliest: { exponent: 0.5, otherExponent: 1, both: 0 } },
    })
    expect(along.get(1)?.joint.range).toBeCloseTo(alone(0).range, 12)
  })

  test('knows by how much needs are off the likeliest law, level and all, in order', () => {
    const { joint } = recordOf(needing((a, b) => 3 * a * b))
    // Three at 1 and 1, and as much at every pair.
    const most = Math.log(3 * Math.max(...pairs.map(([a]) => a)) * Math.max(...pairs.map(([, b]) => b)))
    expect(joint?.errors).toHaveLength(40)
    for (const error of joint?.errors ?? []) expect(error).toBeCloseTo(most, 9)
    const scattered = recordOf(needing((a, b) => 3 * a * b * (1 + 0.2 * Math.sin(a + b))))
    const errors = [...(scattered.joint?.errors ?? [])]
    expect(errors).toEqual(errors.toSorted((a, b) => a - b))
    const mean = errors.reduce((a, b) => a + b) / errors.length
    const variance = errors.reduce((sum, error) => sum + (error - mean) ** 2, 0) / errors.length
    expect(scattered.scatter).toBeCloseTo(Math.sqrt(variance), 12)
  })

  test('is that of one where another says nothing of the need, never varied, is seldom known or is no size', () => {
    const alone = (rows: readonly Row[]) => expect(recordOf(rows).joint).toBeUndefined()
    alone(needing((a) => 3 * a))
    alone(pairs.map(([a, b]): Row => [[a, 7], a * b]))
    alone(pairs.map(([a, b]): Row => [[a, -b], a * b]))
    alone(pairs.map(([a, b], i): Row => [[a, i < 19 ? b : undefined], a * b]))
    expect(recordOf(pairs.map(([a, b], i): Row => [[a, i < 20 ? b : undefined], a * b])).joint).toBeDefined()
  })

  test('is that of one where there are fewer than four different pairs, or it is not sure of another', () => {
    const product = needing((a, b) => 3 * a * b)
    const three = product.slice(0, 3)
    expect(recordOf([...three, ...three, ...three]).joint).toBeUndefined()
    expect(recordOf(product.slice(0, 4)).joint).toBeDefined()
    const hardly = (count: number) =>
      needing((a, b) => 3 * a * b ** 0.2)
        .slice(0, count)
        .map(([values, need], i): Row => [values, need * (1 + 0.3 * Math.sin(i * 99))])
    expect(recordOf(hardly(8)).joint).toBeUndefined()
    expect(recordOf(hardly(40)).joint).toBeDefined()
  })

  test('takes of several the one that says most of what the likeliest law leaves', () => {
    const rows = pairs.map(
      ([a, b], i): Row => [[a, 1 + ((i * 7) % 5), b], a * b * (1 + ((i * 7) % 5)) ** 0.2],
    )
    expect(recordOf(rows).joint?.column).toBe(2)
  })

  test('is of executions, in any order', () => {
    const row = fc.tuple(
      fc.integer({ min: 1, max: 99 }),
      fc.integer({ min: 1, max: 99 }),
      fc.integer({ min: 1, max: 1e6 }),
    )
    fc.assert(
      fc.property(fc.array(row, { minLength: 4, maxLength: 20 }), fc.integer(), (seen, seed) => {
        const rows = seen.map(([a, b, need]): Row => [[a, b], need])
        const shuffled = rows.toSorted((x, y) => ((x[1] * 7919 + seed) % 101) - ((y[1] * 7919 + seed) % 101))
        const [one, other] = [recordOf(rows), recordOf(shuffled)]
        expect(other.joint?.column).toBe(one.joint?.column)
        expect(other.scatter).toBeCloseTo(one.scatter, 6)
      }),
      { numRuns: 50 },
    )
  })
})

describe.each([
  ['the feature', 0, jointLaws],
  ['the other one, where pieces weigh by their order in that,', 1, jointLawsOfOther],
] as const)('along %s', (_, column, allLaws) => {
  test('laws that are ruled out before all evidence was looked at are none that count', () => {
    const noise = (i: number) => Math.exp(0.3 * Math.sin(i * 99))
    const rows = needing((a, b) => 100 + 40 * a + 10 * b).map(
      ([values, need], i): Row => [values, need * noise(i)],
    )
    const executions = executionsOf(rows)
    const alone = (of: number) => growthRecord(executions, of)
    const { laws = [] } = atOnce(pairRecords(alone(0), executions, alone)).get(column) ?? {}
    const largest = [0, 1].map((c) => Math.max(...pairs.map((pair) => pair[c] ?? 0)))
    const pieces = rows
      .map(([values, need]) => {
        const [x = 0, y = 0] = [column, 1 - column].map((c) => Math.log((values[c] ?? 0) / (largest[c] ?? 1)))
        return { x, y, logNeed: Math.log(need) }
      })
      .sort((p, q) => p.x - q.x)
    const posteriors = allLaws.map((law) => {
      const misfit = noMisfit()
      for (const [i, { x, y, logNeed }] of pieces.entries())
        addError(misfit, weightOf(i, pieces.length), logNeed - logJointGrowth(law, x, y))
      return Math.exp(law.logPrior + logLikelihood(misfit))
    })
    const total = posteriors.reduce((a, b) => a + b)
    const expected = allLaws.map((law, i) => ({ law, weight: (posteriors[i] as number) / total }))
    const counting = expected.filter(({ weight }) => weight >= 1e-3)
    expect(counting.length).toBeGreaterThan(2)
    expect(laws.map(({ law }) => law)).toEqual(counting.map(({ law }) => law))
    for (const [i, { weight }] of laws.entries()) expect(weight).toBeCloseTo(counting[i]?.weight ?? 0, 5)
  })
})

test('a record of one feature keeps the laws that count, and shares them with the others', () => {
  const executions = executionsOf(needing((a) => 3 * a))
  const [one, other] = [growthRecord(executions, 0), growthRecord(executions, 0)]
  expect(one.laws.every(({ weight }) => weight >= 1e-3)).toBe(true)
  expect(one.laws.every(({ law }, i) => law === other.laws[i]?.law)).toBe(true)
})
