import { expect, test } from 'vitest'
import {
  type Distribution,
  probability,
  quantile,
} from '../../../../services/estimator/domain/distribution/distribution.ts'
import { mixture } from '../../../../services/estimator/domain/distribution/mixture.ts'
import { roomAfter } from '../../../../services/estimator/domain/distribution/tail.ts'
import {
  type DimensionModel,
  weightsFor,
} from '../../../../services/estimator/domain/ensemble/dimension-model.ts'
import { experts, type Member } from '../../../../services/estimator/domain/ensemble/expert.ts'
import { predictiveDistribution } from '../../../../services/estimator/domain/ensemble/predictive-distribution.ts'
import { censoredReach, priorMass, priorScale } from '../../../../services/estimator/domain/ensemble/prior.ts'
import { upperSpread } from '../../../../services/estimator/domain/ensemble/upper-spread.ts'
import { createWorkspace } from '../../../../services/estimator/domain/ensemble/workspace.ts'
import { addCensored } from '../../../../services/estimator/domain/history/censored-attempts.ts'
import { localSumsFrom } from '../../../../services/estimator/domain/history/sample-weights.ts'
import { listed } from '../../../support/distributions.ts'
import { always, modelAfter } from '../../../support/models.ts'
import { pointAt } from '../../../support/points.ts'

const query = pointAt([])

/** What a member predicts, followed under these experts. */
function predictionOf(
  member: Member,
  value: number,
  ...weights: readonly (readonly [index: number, weight: number])[]
) {
  const shares = new Array<number>(experts.length).fill(0)
  for (const [i, weight] of weights) shares[i] = weight
  return { member, value, shares }
}

type Followed = ReturnType<typeof predictionOf>

function forecastOf(all: readonly Followed[]) {
  const members = all.map(({ member }) => member)
  const shares = Float64Array.from(all.flatMap(({ shares }) => shares))
  const followed = all.map(({ member: { strategy }, value }) => ({ strategy, value, weight: 1 }))
  return { followed, expertWeights: { executions: 0, isLocal: true, members, shares, fixed: undefined } }
}

const outlook = (
  model: DimensionModel,
  followed: readonly Followed[],
  running: readonly number[] = [],
  point = query,
) => {
  const workspace = createWorkspace()
  const weights = weightsFor(model, point, workspace)
  return predictiveDistribution(forecastOf(followed), model, weights, running, workspace)
}

const ten = Array.from({ length: 10 }, (_, i) => ({ need: 1e9 * (1 + 0.05 * i), runtimeMs: 1000 * (1 + i) }))

const modelOfTen = (dimension?: 'memoryBytes' | 'durationMs') =>
  modelAfter(ten, { registry: { first: always(1e9) } }, dimension)

const follow = (model: DimensionModel, ...weights: readonly (readonly [number, number])[]) =>
  predictionOf(model.members[0] as Member, 2e9, ...weights)

test('is the residuals around the prediction with a prior there, in the proportion of the experts’ weights', () => {
  const model = modelOfTen()
  const { distribution, exceeding } = outlook(model, [follow(model, [0, 0.75], [1, 0.25])])
  expect(exceeding).toEqual([])

  const { residuals, weightSums } = model.members[0] as Member
  const sampleOf = (sum: number, squares: number) => ({ total: sum, executions: sum ** 2 / squares })
  const slow = sampleOf(weightSums.slowSum, weightSums.slowSquares)
  const fast = sampleOf(weightSums.fastSum, weightSums.fastSquares)
  const unit = (sample: typeof slow, weight: number) => weight / (sample.total + priorMass(sample))
  const logPrediction = Math.log(2e9)
  const weights = weightsFor(model, query, createWorkspace())
  const expected = mixture(
    [
      {
        logPrediction,
        weighted: {
          residuals,
          slow: weights.slow,
          fast: weights.fast,
          proximity: new Float64Array(10),
          shares: { slow: unit(slow, 0.75), fast: unit(fast, 0.25), slowLocal: 0, fastLocal: 0 },
        },
      },
    ],
    [
      { at: logPrediction, scale: priorScale(slow), share: priorMass(slow) * unit(slow, 0.75) },
      { at: logPrediction, scale: priorScale(fast), share: priorMass(fast) * unit(fast, 0.25) },
    ],
    {
      // The prediction lies above the largest need.
      limit: logPrediction + roomAfter(10, upperSpread(model)),
      kernel: model.kernel,
      runtimes: { eachMs: model.executions.runtimesMs, meanMs: 5500 },
    },
  )
  expect(listed(distribution)).toEqual(listed(expected))
})

test('local experts weigh the executions by their proximity to the query', () => {
  const labels = (i: number) => ({ genome: i % 2 === 0 ? 'human' : 'yeast' })
  const observations = Array.from({ length: 20 }, (_, i) => ({
    point: pointAt([], labels(i)),
    need: i % 2 === 0 ? 4e9 : 1e9,
  }))
  const model = modelAfter(observations, { registry: { first: always(1e9) } })
  const [human, yeast] = ['human', 'yeast'].map((genome) => {
    const point = pointAt([], { genome })
    const prediction = predictionOf(model.members[0] as Member, 1e9, [2, 1])
    return listed(outlook(model, [prediction], [], point).distribution)
  })
  const shareUpTo2GB = ({ needs, cumulative }: NonNullable<typeof human>) =>
    cumulative[needs.findLastIndex((need) => need < 2e9)] ?? 0
  // Nearly ten to one, but for the prior around the prediction and what is forgotten.
  expect(shareUpTo2GB(human as NonNullable<typeof human>)).toBeLessThan(0.15)
  expect(shareUpTo2GB(yeast as NonNullable<typeof yeast>)).toBeGreaterThan(0.85)

  const weights = weightsFor(model, pointAt([], { genome: 'human' }), createWorkspace())
  expect(localSumsFrom(weights, 0).slowSum).toBeLessThan((model.members[0] as Member).weightSums.slowSum)
})

test('one local expert is enough for local samples to be measured', () => {
  const labels = (i: number) => ({ genome: i % 2 === 0 ? 'human' : 'yeast' })
  const observations = Array.from({ length: 20 }, (_, i) => ({
    point: pointAt([], labels(i)),
    need: i % 2 === 0 ? 4e9 : 1e9,
  }))
  const model = modelAfter(observations, { registry: { first: always(1e9), second: always(4e9) } })
  const [first, second] = model.members as [Member, Member]
  const point = pointAt([], { genome: 'human' })
  const plain = predictionOf(first, 1e9, [0, 0.5])
  const mixed = predictionOf(second, 4e9, [0, 0.25], [2, 0.25])
  const shareOf = (local: Followed) => {
    const { needs, cumulative } = listed(outlook(model, [plain, local], [], point).distribution)
    return cumulative[needs.findLastIndex((need) => need < 2e9)] ?? 0
  }
  // A quarter of the weight moves from half of the executions to those of the same genome.
  expect(shareOf(mixed)).toBeLessThan(shareOf(predictionOf(second, 4e9, [0, 0.5])) - 0.05)
  expect(shareOf(mixed)).toBeGreaterThan(0.2)
})

test('no need lies further above the largest seen or predicted than the room after so many', () => {
  const model = modelAfter([{ need: 1e9 }, { need: 1e9 }], { registry: { first: always(1e9) } })
  const member = model.members[0] as Member
  const largest = (value: number) =>
    listed(outlook(model, [predictionOf(member, value, [0, 1])]).distribution).needs.at(-1)
  const room = Math.exp(roomAfter(2, upperSpread(model)))
  expect(largest(4e9)).toBeLessThanOrEqual(4e9 * room * (1 + 1e-9))
  expect(largest(1e9)).toBeLessThanOrEqual(1e9 * room * (1 + 1e-9))
  expect(largest(4e9)).toBeGreaterThan(4e9)
  // The largest need is beyond what is predicted.
  const outlier = modelAfter([{ need: 9e9 }, { need: 1e9 }, { need: 1e9 }], {
    registry: { first: always(1e9) },
  })
  const needs = listed(
    outlook(outlier, [predictionOf(outlier.members[0] as Member, 9e9, [0, 1])]).distribution,
  ).needs
  expect(needs.at(-1)).toBeGreaterThan(9e9)
})

test('run times count where a shortfall kills', () => {
  const timed = (distribution: Distribution) =>
    [...distribution.runtimeShare.subarray(0, distribution.size)].some(
      (share, i) => share !== distribution.cumulative[i],
    )
  const memory = modelOfTen()
  const duration = modelOfTen('durationMs')
  expect(timed(outlook(memory, [follow(memory, [0, 1])]).distribution)).toBe(true)
  expect(timed(outlook(duration, [follow(duration, [0, 1])]).distribution)).toBe(false)
  const untimed = modelAfter([{ need: 1e9 }, { need: 2e9 }], { registry: { first: always(1e9) } })
  expect(timed(outlook(untimed, [follow(untimed, [0, 1])]).distribution)).toBe(false)
})

test('running executions count from the predicted 95th percentile, the largest first, at most sixteen', () => {
  const model = modelOfTen()
  const prediction = [follow(model, [0, 1])]
  const expected = outlook(model, prediction)
  const { needs, cumulative } = listed(expected.distribution)
  const usual = needs[cumulative.findIndex((share) => share >= 0.95)] as number
  expect(outlook(model, prediction, [usual * 1.01, usual * 0.99, usual * 3]).exceeding).toEqual([
    usual * 3,
    usual * 1.01,
  ])
  const many = Array.from({ length: 40 }, (_, i) => usual * (2 + i))
  expect(outlook(model, prediction, many).exceeding).toEqual(many.toReversed().slice(0, 16))
})

test('a running execution or a killed attempt widens the distribution up to above it', () => {
  const model = modelOfTen()
  const prediction = [follow(model, [0, 1])]
  const largest = (running: readonly number[]) =>
    listed(outlook(model, prediction, running).distribution).needs.at(-1) ?? 0
  const before = largest([])
  expect(largest([20e9])).toBeGreaterThan(20e9)
  expect(largest([20e9])).toBeLessThanOrEqual(20e9 * Math.exp(censoredReach) * (1 + 1e-9))
  addCensored(model.censored, 30e9, 1, undefined)
  expect(largest([])).toBeGreaterThan(30e9)
  model.censored[0] = { above: 30e9, attempt: 1, predicted: undefined, weight: 0 }
  expect(largest([])).toBeGreaterThanOrEqual(before)
})

test('a killed attempt below the median says nothing new', () => {
  const model = modelOfTen()
  const prediction = [follow(model, [0, 1])]
  const before = listed(outlook(model, prediction).distribution)
  const median = before.needs[before.cumulative.findIndex((share) => share >= 0.5)] as number
  addCensored(model.censored, median * 0.99, 1, undefined)
  expect(listed(outlook(model, prediction).distribution)).toEqual(before)
  addCensored(model.censored, median, 1, undefined)
  expect(listed(outlook(model, prediction).distribution)).not.toEqual(before)
})

test('a prediction without weight is no part of it', () => {
  const model = modelOfTen()
  const followed = follow(model, [0, 1])
  const left = { ...followed, value: 9e9, shares: [0, 0, 0, 0] }
  expect(listed(outlook(model, [left, followed]).distribution)).toEqual(
    listed(outlook(model, [followed]).distribution),
  )
})

/** The share of needs above an amount while an attempt was killed there. */
const shareAbove = (amount: number, ...killed: readonly number[]) => {
  const model = modelOfTen()
  for (const above of killed) addCensored(model.censored, above, 1, undefined)
  return 1 - probability(outlook(model, [follow(model, [0, 1])]).distribution, amount)
}

test('the less a need above a kill was expected, the likelier needs have changed', () => {
  const kills = [4e9, 8e9, 16e9, 32e9]
  const shares = kills.map((above) => shareAbove(above, above))
  expect(shares).toEqual([...shares].sort((a, b) => a - b))
  expect(shares.at(-1)).toBeGreaterThan(0.9)
  expect(shareAbove(16e9)).toBe(0)
})

test('a kill at more than a hundred times all that was needed tells of no change', () => {
  for (const above of [1e12, 1e13, 1e16, 1e24]) {
    expect(shareAbove(above, above)).toBeGreaterThan(0)
    expect(shareAbove(above, above)).toBeLessThan(0.2)
  }
})

test('what a kill says is no less where others were killed too', () => {
  expect(shareAbove(16e9, 16e9, 4e9)).toBeGreaterThan(0.5)
  expect(shareAbove(16e9, 16e9, 16e9)).toBeGreaterThan(shareAbove(16e9, 16e9))
})

test('where a feature tells needs apart a kill lies as far above what is expected as it was above its own', () => {
  const model = modelOfTen()
  model.column = 0
  const expected = quantile(outlook(model, [follow(model, [0, 1])]).distribution, 0.5)
  addCensored(model.censored, 40 * expected, 1, Math.log(10 * expected))
  const { distribution } = outlook(model, [follow(model, [0, 1])])
  expect(1 - probability(distribution, 4 * expected)).toBeGreaterThan(0.5)
  expect(1 - probability(distribution, 10 * expected)).toBe(0)
})
