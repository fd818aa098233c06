import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { draws } from '../../../../bench/draws.ts'
import { probability } from '../../../../services/estimator/domain/distribution/distribution.ts'
import { doubtAt, leverageOf } from '../../../../services/estimator/domain/distribution/doubt.ts'
import {
  grown,
  growthAt,
  growthWorkspace,
  ofAmount,
  ofConfidence,
} from '../../../../services/estimator/domain/distribution/growth.ts'
import { populations } from '../../../../services/estimator/domain/distribution/population.ts'
import { growthRecordOf } from '../../../../services/estimator/domain/ensemble/dimension-model.ts'
import { createWorkspace } from '../../../../services/estimator/domain/ensemble/workspace.ts'
import type { Evidence } from '../../../../services/estimator/domain/estimate/context.ts'
import { extrapolate } from '../../../../services/estimator/domain/estimate/extrapolation.ts'
import type { Policy } from '../../../../shared/domain/policy.ts'
import { listed, weighed } from '../../../support/distributions.ts'
import { execution, profileOf } from '../../../support/histories.ts'
import { always, modelAfter } from '../../../support/models.ts'
import { pointAt } from '../../../support/points.ts'
import { confidenceOf, estimateOf, evidenceOfTask, learned, queryOf } from '../../../support/queries.ts'

const evidenceOf = (points: readonly (readonly [input: number, need: number])[]): Evidence => {
  const history = points.map(([input, memoryBytes], i) =>
    execution(`e${i}`, { features: { input_bytes: input }, used: { memoryBytes } }),
  )
  return evidenceOfTask(learned(profileOf(history)))
}

const answer = (evidence: Evidence, input: number, policy: Partial<Policy> = {}) => {
  const query = queryOf({ features: { input_bytes: input }, policy })
  const memory = estimateOf(query, evidence).dimensions.find(({ dimension }) => dimension === 'memoryBytes')
  if (memory === undefined) throw new Error('no memory')
  return memory
}

const confidence = (evidence: Evidence, input: number, memoryBytes: number) =>
  confidenceOf(queryOf({ features: { input_bytes: input } }), { memoryBytes }, evidence).confidence

/** 60 inputs from 1 to 100 MB, in no order, with three per cent of scatter. */
const following = (law: (input: number) => number) =>
  evidenceOf(
    Array.from({ length: 60 }, (_, i) => {
      const input = 1e6 * (1 + ((i * 37) % 100))
      return [input, law(input) * (1 + 0.03 * Math.sin(i * 99))] as const
    }),
  )

describe('a need that follows a law is predicted far beyond the range', () => {
  test.each([
    ['grows with the input', (x: number) => 1e8 + 3 * x],
    ['grows with its square', (x: number) => 1e-7 * x * x],
    ['grows with its root', (x: number) => 1e5 * Math.sqrt(x)],
    ['does not depend on it', () => 5e8],
  ])('one that %s', (_, law) => {
    const { allocation } = answer(following(law), 1e9)
    expect(allocation).toBeGreaterThan(law(1e9))
    expect(allocation).toBeLessThan(2 * law(1e9))
  })
})

test('the farther beyond the range, the less sure an amount', () => {
  const history = fc.array(fc.tuple(fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 1e6, max: 1e11 })), {
    minLength: 1,
    maxLength: 30,
  })
  const times = fc.double({ min: 1.0001, max: 1e4, noNaN: true })
  fc.assert(
    fc.property(history, times, times, fc.integer({ min: 1e6, max: 1e12 }), (points, one, other, amount) => {
      // The largest first, so that the range ends there and not beyond it, as that of a growing series does.
      const largest = Math.max(...points.map(([input]) => input))
      const evidence = evidenceOf([
        ...points.filter(([input]) => input === largest),
        ...points.filter(([input]) => input < largest),
      ])
      const [near, far] = [Math.min(one, other), Math.max(one, other)]
      const sure = confidence(evidence, near * largest, amount)
      expect(confidence(evidence, far * largest, amount)).toBeLessThanOrEqual(sure + 1e-9)
    }),
    { numRuns: 200 },
  )
})

test('a target coverage is met beyond the range too', () => {
  const evidence = following((x) => 1e8 + 3 * x)
  for (const targetCoverage of [0.5, 0.9, 0.99])
    expect(answer(evidence, 1e9, { targetCoverage }).confidence).toBeGreaterThanOrEqual(targetCoverage)
})

test('beyond the range an amount is less sure where inputs have hardly varied', () => {
  const narrow = evidenceOf(
    Array.from({ length: 60 }, (_, i) => [1e8 + 1e4 * i, 1e9 * (1 + 0.2 * Math.sin(i * 99))] as const),
  )
  const wide = evidenceOf(
    Array.from({ length: 60 }, (_, i) => [1e6 * (1 + i), 1e9 * (1 + 0.2 * Math.sin(i * 99))] as const),
  )
  expect(answer(narrow, 1.3e8).confidence).toBeLessThan(answer(wide, 7.8e7).confidence)
})

test('where inputs have hardly varied, not even as much more as the input is larger is sure', () => {
  const seen = (inputAt: (i: number) => number) =>
    evidenceOf(
      Array.from(
        { length: 60 },
        (_, i) => [inputAt((i * 37) % 60), 1e7 * (1 + 0.2 * Math.sin(i * 99))] as const,
      ),
    )
  const [narrow, wide] = [seen((i) => 1e8 + 4e4 * i), seen((i) => 1e6 * (1 + i))]
  expect(confidence(narrow, 1.02e9, 1.3e8)).toBeLessThan(0.9)
  expect(confidence(wide, 6e8, 1.3e8)).toBeGreaterThan(0.97)
})

test('of a need between proportion and square, whose law is none that is known, answers called sure fall short by chance alone', () => {
  const law = (input: number) => 2e8 + 4 * input + 4e-8 * input ** 2
  let [promised, sufficed, variance] = [0, 0, 0]
  for (const count of [8, 20])
    for (const scatter of [0.03, 0.1])
      for (let seed = 1; seed <= 10; seed++) {
        const { uniform, normal } = draws(1000 * seed + count)
        const needOf = (input: number) => law(input) * Math.exp(scatter * normal())
        const inputs = Array.from({ length: count }, () => 1e8 * 10 ** (-2 * uniform()))
        const evidence = evidenceOf(inputs.map((input) => [input, needOf(input)]))
        let excess = 0
        for (const times of [1.5, 3]) {
          const input = times * Math.max(...inputs)
          const { allocation, confidence } = answer(evidence, input)
          if (confidence <= 0.8) continue
          const suffices = allocation >= needOf(input) ? 1 : 0
          promised += confidence
          sufficed += suffices
          excess += confidence - suffices
        }
        // Answers of one task are right or wrong together.
        variance += excess ** 2
      }
  expect(promised).toBeGreaterThan(60)
  expect(sufficed).toBeGreaterThan(promised - 2.58 * Math.sqrt(variance))
})

describe('a need that grows with two features is predicted far beyond one or both', () => {
  const megabyte = 1e6
  /** 60 pairs from 1 to 100 each, which say nothing of each other. */
  const seen = Array.from({ length: 60 }, (_, i) => ({
    a: 100 ** ((i * 0.7548776662) % 1),
    b: 100 ** ((i * 0.569840291) % 1),
  }))
  const laws = {
    sum: ({ a, b }) => (50 + 2 * a + 5 * b) * megabyte,
    product: ({ a, b }) => (1 + a * b) * megabyte,
  } satisfies Record<string, (features: { a: number; b: number }) => number>

  test.each([
    ['sum', 3, 1],
    ['sum', 10, 1],
    ['sum', 10, 10],
    ['product', 3, 1],
    ['product', 10, 1],
    ['product', 3, 3],
  ] as const)('a %s, at %d and %d times the largest', (form, timesA, timesB) => {
    const history = seen.map((features, i) =>
      execution(`e${i}`, { features, used: { memoryBytes: laws[form](features) } }),
    )
    const evidence = evidenceOfTask(learned(profileOf(history)))
    const query = { a: 100 * timesA, b: timesB > 1 ? 100 * timesB : 20 }
    const memory = estimateOf(queryOf({ features: query }), evidence).dimensions.find(
      ({ dimension }) => dimension === 'memoryBytes',
    )
    expect(memory?.allocation).toBeGreaterThan(laws[form](query))
    expect(memory?.allocation).toBeLessThan(2 * laws[form](query))
  })

  test('but not twice along two that say the same', () => {
    const history = seen.map(({ a }, i) =>
      execution(`e${i}`, { features: { a, b: 7 * a }, used: { memoryBytes: 3 * a * megabyte } }),
    )
    const evidence = evidenceOfTask(learned(profileOf(history)))
    const memory = estimateOf(queryOf({ features: { a: 1000, b: 7000 } }), evidence).dimensions.find(
      ({ dimension }) => dimension === 'memoryBytes',
    )
    expect(memory?.allocation).toBeGreaterThan(3000 * megabyte)
    expect(memory?.allocation).toBeLessThan(4500 * megabyte)
  })
})

test('a need of which a twentieth is fixed is predicted beyond the range, however far down its inputs reach', () => {
  const law = (input: number) => 5e7 + 10 * input
  const evidence = evidenceOf(
    Array.from({ length: 60 }, (_, i) => {
      const input = 1e6 * 10 ** (((i * 37) % 60) / 30)
      return [input, law(input)] as const
    }),
  )
  for (const times of [2, 5, 10]) {
    const { allocation } = answer(evidence, times * 1e8)
    expect(allocation).toBeGreaterThan(law(times * 1e8))
    expect(allocation).toBeLessThan(1.5 * law(times * 1e8))
  }
})

describe('where few of many executions were as large, an amount is less sure', () => {
  /** 80 executions; of so many the input is 1 GB, of the others up to 100 MB. */
  const largeOnes = (count: number) =>
    evidenceOf(
      Array.from({ length: 80 }, (_, i) => {
        const input = i % 20 === 3 && i < 20 * count ? 1e9 : 1e6 * (1 + ((i * 37) % 100))
        return [input, 1e9 * (1 + 0.2 * Math.sin(i * 99))] as const
      }),
    )
  const [one, four] = [largeOnes(1), largeOnes(4)]

  test.each([
    ['beyond the range', 1.1e9, 0.7],
    ['at the largest', 1e9, 0.8],
  ])('%s', (_, input, atMost) => {
    expect(confidence(one, input, 1.21e9)).toBeLessThan(atMost)
    expect(confidence(four, input, 1.21e9)).toBeGreaterThan(atMost)
  })

  test('but not among the many', () => {
    expect(confidence(one, 5e7, 1.3e9)).toBeGreaterThan(0.95)
  })
})

describe('an outlook beyond the range', () => {
  const linear = modelAfter(
    [1, 2, 4, 8].map((value) => ({ point: pointAt([value]), need: value * 1e9 })),
    { registry: { one: always(1e9) } },
  )
  const record = growthRecordOf(linear, 0)
  /** On the way along the one feature, from an edge at so many times the largest value. */
  const beyondBy = (times: number, advance = 1, of = record) => {
    const own = { from: Math.log(advance), to: Math.log(times) }
    const features = [{ column: 0, advance: own.from, distance: own.to }]
    return { features, ways: [{ record: of, own }] }
  }
  const beyond = beyondBy(3)
  const tail = { chance: 0.1, largest: 8e9, room: 0.5 }
  const cost = { timeToFailure: 1, patience: 0.5, restart: 2, restartAmount: 5e8 }
  const edge = {
    need: { distribution: weighed([[Math.log(4e9), 1]]), tail },
    failureCost: { ...cost, largest: 9e9 },
    growthFactor: 1,
  }
  const { factor } = growthAt(beyond.ways, growthWorkspace())

  test('has grown by what the record supports, and so has what a failure costs', () => {
    const { failureCost, growthFactor } = extrapolate(edge, beyond, linear, createWorkspace())
    expect(growthFactor).toBe(factor)
    // Three times the value: a need that is as the value is three times as large.
    expect(factor).toBeCloseTo(3, 0)
    expect(failureCost).toEqual({
      ...cost,
      largest: 9e9 * factor,
      typicalNeed: expect.closeTo(4e9 * factor, -2),
    })
  })

  test('is grown as a distribution, its tail with it, and is doubted from the largest need seen on', () => {
    const { need } = extrapolate(edge, beyond, linear, createWorkspace())
    const workspace = growthWorkspace()
    const expected = grown(edge.need.distribution, growthAt(beyond.ways, workspace), workspace)
    expect(listed(need.distribution)).toEqual(listed(expected))
    const stopping = growthAt(beyond.ways, growthWorkspace(), ofConfidence)
    expect(listed(need.believed ?? expected)).toEqual(
      listed(grown(edge.need.distribution, stopping, growthWorkspace())),
    )
    expect(need.tail).toEqual({ ...tail, largest: 8e9 * factor })
    expect(need.doubt).toEqual(
      doubtAt(leverageOf(Math.log(3), record.range), record.scatter, 8e9, populations.memoryBytes),
    )
  })

  test('may stop growing on the way: confidence counts on it with 1/2 at a factor of three that nothing is known of, amounts with 0.45', () => {
    const far = beyondBy(10)
    const { need } = extrapolate(edge, far, linear, createWorkspace())
    const believed = need.believed ?? need.distribution
    const assuming = (of: typeof ofAmount) =>
      listed(grown(edge.need.distribution, growthAt(far.ways, growthWorkspace(), of), growthWorkspace()))
    expect(listed(need.distribution)).toEqual(assuming(ofAmount))
    expect(listed(believed)).toEqual(assuming(ofConfidence))
    // A need that is as the value is would be three times as large where it stopped at three, ten times where it did not.
    // Seen to grow over ln 8 = 1.9 factors of three, it stops at the next with 1 / 3.9 and 1 / 4.1.
    expect(probability(need.distribution, 5 * 4e9)).toBeGreaterThan(1 / 4.15)
    expect(probability(believed, 5 * 4e9)).toBeGreaterThan(1 / 3.9)
  })

  test('grows from the edge, and is doubted from there on', () => {
    const farther = beyondBy(3, 1.5)
    const { need, growthFactor } = extrapolate(edge, farther, linear, createWorkspace())
    expect(growthFactor).toBe(growthAt(farther.ways, growthWorkspace()).factor)
    expect(growthFactor).toBeLessThan(factor)
    expect(need.doubt).toEqual(
      doubtAt(leverageOf(Math.log(2), record.range), record.scatter, 8e9, populations.memoryBytes),
    )
    // What a law explains wholly is not doubted, wherever it is.
    const scattered = modelAfter(
      [1, 2.2, 3.6, 8].map((need, i) => ({ point: pointAt([2 ** i]), need: need * 1e9 })),
      { registry: { one: always(1e9) } },
    )
    const its = growthRecordOf(scattered, 0)
    const { doubt } = extrapolate(edge, beyondBy(3, 1.5, its), scattered, createWorkspace()).need
    const leverage = leverageOf(Math.log(3) - Math.log(1.5), its.range)
    const expected = doubtAt(leverage, its.scatter, 8e9, populations.memoryBytes)
    expect(doubt).toEqual(expected)
    expect(expected.departure).toBeGreaterThan(0)
  })
})
