import { expect, test } from 'vitest'
import { experts, type Member, member } from '../../../../services/estimator/domain/ensemble/expert.ts'
import {
  allStrategies,
  type Ensemble,
  plainPredictions,
  type Selection,
  weighedPredictions,
} from '../../../../services/estimator/domain/ensemble/expert-weights.ts'
import { type Guard, unguarded } from '../../../../services/estimator/domain/ensemble/guard.ts'
import { resourceLimits } from '../../../../shared/domain/resources.ts'
import { pointAt } from '../../../support/points.ts'

/** A strategy that predicts a value, with log scores of its experts: slow, fast, slow local, fast local. */
function scored(strategy: string, value: number | undefined, ...logScores: readonly number[]): Member {
  const one = member(strategy, { observe() {}, predict: () => value })
  for (const i of one.scores.keys()) one.scores[i] = logScores[i] ?? -1000
  return one
}

const ensembleOf = (members: readonly Member[]): Ensemble => ({
  ...{
    dimension: 'memoryBytes',
    members,
    executions: { count: 0 },
    expertWeights: undefined,
    fits: undefined,
  },
})

/** None of these strategies looks at any. */
const noNeighbours = () => ({ count: 0, needs: new Float64Array(0), distances: new Float64Array(0) })

function predictionsOf(
  members: readonly Member[],
  { isLocal = false, selection = allStrategies, guard = unguarded as Guard } = {},
) {
  const ensemble = ensembleOf(members)
  const { predictions, followed, expertWeights } = weighedPredictions(
    ensemble,
    pointAt([]),
    isLocal,
    selection,
    guard,
    noNeighbours,
  )
  return predictions.map((prediction) => {
    const { strategy, value, weight } = prediction
    const from = followed.indexOf(prediction) * experts.length
    const entering = experts.filter((_, e) => from >= 0 && (expertWeights.shares[from + e] as number) > 0)
    return {
      strategy,
      value,
      weight: Number(weight.toFixed(9)),
      experts: entering.map(({ weighting }) => weighting),
    }
  })
}

const rounded = (value: number) => Number(value.toFixed(9))

test('an expert’s weight is the exponential of half its log score', () => {
  const [a, b] = predictionsOf([scored('a', 1e9, 5, 3), scored('b', 2e9, 3)])
  const total = 1 + 2 * Math.exp(-1)
  expect(a).toEqual({
    strategy: 'a',
    value: 1e9,
    weight: rounded((1 + Math.exp(-1)) / total),
    experts: ['slow', 'fast'],
  })
  expect(b).toEqual({ strategy: 'b', value: 2e9, weight: rounded(Math.exp(-1) / total), experts: ['slow'] })
})

test('an expert of less than 2 % of the best one’s weight is left out', () => {
  // 2 · ln(0.02) is −7.82.
  const weightOf = (score: number) => predictionsOf([scored('a', 1, 0), scored('b', 1, score)])[1]?.weight
  expect(weightOf(-7.8)).toBeGreaterThan(0)
  expect(weightOf(-7.85)).toBe(0)
})

test('the best four experts count, and those that tie with the fourth', () => {
  const members = [scored('a', 1, 0, -1), scored('b', 1, -2, -3), scored('c', 1, -3, -3.1)]
  expect(predictionsOf(members).map(({ experts }) => experts)).toEqual([
    ['slow', 'fast'],
    ['slow', 'fast'],
    ['slow'],
  ])
  const withoutTie = [...members.slice(0, 2), scored('c', 1, -3.05)]
  expect(predictionsOf(withoutTie)[2]?.experts).toEqual([])
  const inAnyOrder = predictionsOf([...members].reverse())
  expect(inAnyOrder.map(({ experts }) => experts)).toEqual([['slow'], ['slow', 'fast'], ['slow', 'fast']])
})

test('local experts count only where there is anything to be near in', () => {
  const members = [scored('a', 1, 0, -9, 5, -9), scored('b', 1, 0, -9, -9, 4)]
  expect(predictionsOf(members).map(({ experts }) => experts)).toEqual([['slow'], ['slow']])
  expect(predictionsOf(members, { isLocal: true }).map(({ experts }) => experts)).toEqual([
    ['slow', 'slowLocal'],
    ['slow', 'fastLocal'],
  ])
  // However good, they push no other out.
  expect(predictionsOf([scored('a', 1, 0, -9, 50, 50)])[0]).toMatchObject({ weight: 1, experts: ['slow'] })
})

test('weights add up to one; a strategy that abstains makes no prediction, one that counts nothing does', () => {
  const predictions = predictionsOf([scored('a', 1, 0, 0), scored('b', undefined, 9, 9), scored('c', 1, -99)])
  expect(predictions.map(({ strategy, weight }) => [strategy, weight])).toEqual([
    ['a', 1],
    ['c', 0],
  ])
  expect(predictions[1]?.experts).toEqual([])
  expect(predictionsOf([scored('b', undefined)])).toEqual([])
})

test('a strategy that is not asked makes no prediction', () => {
  const selection: Selection = { ...allStrategies, isAsked: (strategy) => strategy === 'b' }
  const predictions = predictionsOf([scored('a', 1, 9), scored('b', 1, 0)], { selection })
  expect(predictions.map(({ strategy, weight }) => [strategy, weight])).toEqual([['b', 1]])
})

test('one that is not followed predicts without weight, unless no other does', () => {
  const selection: Selection = { ...allStrategies, unfollowed: new Set(['a']) }
  const weightsOf = (...members: readonly Member[]) =>
    predictionsOf(members, { selection }).map(({ strategy, weight }) => [strategy, weight])
  expect(weightsOf(scored('a', 1, 9), scored('b', 1, 0))).toEqual([
    ['a', 0],
    ['b', 1],
  ])
  expect(weightsOf(scored('a', 1, 9), scored('b', undefined, 0))).toEqual([['a', 1]])
})

test('nonsense is a failure for the guard to see: not positive, or beyond ten times what may be reported', () => {
  const most = 10 * resourceLimits.memoryBytes
  const faults: string[] = []
  const guard: Guard = (strategy, run) => {
    try {
      return run()
    } catch (error) {
      faults.push(`${strategy} ${error}`)
      return undefined
    }
  }
  const values = [0, -1, Number.NaN, 1.01 * most, most, 1e-9]
  const predictions = predictionsOf(
    values.map((value, i) => scored(`s${i}`, value, 0)),
    { guard },
  )
  expect(predictions.map(({ value }) => value)).toEqual([most, 1e-9])
  expect(faults).toEqual([
    's0 RangeError: answered 0',
    's1 RangeError: answered -1',
    's2 RangeError: answered NaN',
    `s3 RangeError: answered ${1.01 * most}`,
  ])
})

test('weights that were worked out before are those that would be worked out now', () => {
  const members = [scored('a', 1e9, 5, 3, 4), scored('b', 2e9, 3, 1, 6), scored('c', 3e9, 4)]
  const executions = { count: 1 }
  const ensemble = { ...ensembleOf(members), executions }
  const selections = [
    allStrategies,
    { isAsked: (strategy: string) => strategy !== 'b', unfollowed: new Set<string>() },
    { isAsked: () => true, unfollowed: new Set(['a']) },
  ]
  for (const logScore of [5, 2]) {
    members[0]?.scores.fill(logScore)
    executions.count++
    for (const selection of [...selections, ...selections])
      for (const isLocal of [true, false, false]) {
        const ask = (of: Ensemble) =>
          weighedPredictions(of, pointAt([]), isLocal, selection, unguarded, noNeighbours)
        expect(ask(ensemble)).toEqual(ask({ ...ensembleOf(members), executions }))
      }
  }
})

test('learning is told the same as a query that asks all: who predicts what, and what the experts weigh', () => {
  const failing = member('failing', {
    observe() {},
    predict() {
      throw new Error('no')
    },
  })
  const members = [scored('a', 1e9, 5, 3), scored('silent', undefined, 9), failing, scored('b', 2e9, 3, 1, 6)]
  const tolerant: Guard = (_, run) => {
    try {
      return run()
    } catch {
      return undefined
    }
  }
  for (const of of [members, members.slice(0, 1), members.slice(1, 3), []])
    for (const isLocal of [true, false]) {
      const values = [7, 7, 7]
      const plain = plainPredictions(ensembleOf(of), pointAt([]), isLocal, tolerant, noNeighbours, values)
      const query = weighedPredictions(
        ensembleOf(of),
        pointAt([]),
        isLocal,
        allStrategies,
        tolerant,
        noNeighbours,
      )
      expect(plain.members).toEqual(query.members)
      expect(values.slice(0, plain.members.length)).toEqual(query.predictions.map(({ value }) => value))
      expect(plain.expertWeights).toEqual(query.expertWeights)
    }
})
