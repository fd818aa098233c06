import { expect, test } from 'vitest'
import { pointKernel, skewedKernel } from '../../../../services/estimator/domain/distribution/residuals.ts'
import {
  dimensionModel,
  learnExecution,
  meanRuntimeMs,
  weightsFor,
} from '../../../../services/estimator/domain/ensemble/dimension-model.ts'
import type { Guard } from '../../../../services/estimator/domain/ensemble/guard.ts'
import { createWorkspace } from '../../../../services/estimator/domain/ensemble/workspace.ts'
import { addCensored } from '../../../../services/estimator/domain/history/censored-attempts.ts'
import { nearestNeighbours } from '../../../../services/estimator/domain/strategies/nearest-neighbours.ts'
import { always, modelAfter } from '../../../support/models.ts'
import { pointAt } from '../../../support/points.ts'
import { learningWith } from '../../../support/queries.ts'

/** Leaves out what fails. */
const tolerant: Guard = (_strategy, run) => {
  try {
    return run()
  } catch {
    return undefined
  }
}

const needs = (...values: readonly number[]) => values.map((need) => ({ need }))

test('follows every strategy of the registry but those that fail to start', () => {
  const broken = {
    describe: 'fails',
    start: () => {
      throw new Error('cannot start')
    },
  }
  const registry = { a: always(1), broken, b: always(2) }
  const { members } = dimensionModel('memoryBytes', learningWith({ registry, guard: tolerant }))
  expect(members.map(({ strategy }) => strategy)).toEqual(['a', 'b'])
})

test('a strategy that fails to learn is dropped, one that abstains is not', () => {
  const failing = {
    describe: 'fails at the second',
    start: () => {
      let seen = 0
      return {
        observe() {
          if (++seen === 2) throw new Error('full')
        },
        predict: () => undefined,
      }
    },
  }
  const registry = { failing, silent: always(undefined) }
  const strategiesAfter = (...values: readonly number[]) =>
    modelAfter(needs(...values), { registry, guard: tolerant }).members.map(({ strategy }) => strategy)
  expect(strategiesAfter(1)).toEqual(['failing', 'silent'])
  expect(strategiesAfter(1, 2)).toEqual(['silent'])
})

test('residuals are as fine as it matters: where a shortfall kills, and where it does not', () => {
  const kernelOf = (dimension: Parameters<typeof dimensionModel>[0]) =>
    dimensionModel(dimension, learningWith()).kernel
  expect(kernelOf('memoryBytes')).toBe(skewedKernel)
  expect(kernelOf('durationMs')).toBe(pointKernel)
  expect(kernelOf('cpuCores')).toBe(pointKernel)
})

test('each execution is worth 1 % or 10 % more than the one before it', () => {
  const model = modelAfter(needs(3, 9, 5), { registry: { s: always(1) } })
  expect([...model.executions.needs.subarray(0, 3)]).toEqual([3, 9, 5])
  const sum = (of: (i: number) => number) => expect.closeTo(of(0) + of(1) + of(2), 12)
  expect(model.members[0]?.weightSums).toEqual({
    slowSum: sum((i) => 0.99 ** -i),
    fastSum: sum((i) => 0.9 ** -i),
    slowSquares: sum((i) => 0.99 ** (-2 * i)),
    fastSquares: sum((i) => 0.9 ** (-2 * i)),
  })
  expect(model.largest).toBe(9)
})

test('a run time that is not known is the mean before, or the first one known; none is below a millisecond', () => {
  const model = (...runtimesMs: readonly (number | undefined)[]) =>
    modelAfter(
      runtimesMs.map((runtimeMs) => ({ need: 1, runtimeMs })),
      { registry: {} },
    )
  const runtimesAfter = (...runtimesMs: readonly (number | undefined)[]) => [
    ...model(...runtimesMs).executions.runtimesMs.subarray(0, runtimesMs.length),
  ]
  expect(runtimesAfter(undefined, undefined, 100, 200, undefined)).toEqual([100, 100, 100, 200, 150])
  expect(runtimesAfter(undefined, 0.5)).toEqual([1, 1])
  expect(runtimesAfter(undefined)).toEqual([1])
  expect(meanRuntimeMs(model(undefined, 100, 200, undefined))).toBe(150)
  expect(meanRuntimeMs(model(0, 3))).toBe(2)
  expect(meanRuntimeMs(model(undefined))).toBeUndefined()
})

/** Prior alone: density of a Laplace distribution of scale 0.3, and a broad component of 2 %. */
const priorDensity = (x: number) =>
  (0.98 * 0.5 * Math.exp(-Math.abs(x) / 0.3)) / 0.3 + 0.01 * Math.exp(-Math.abs(x))

test('every expert is scored by its density before it learns; without anything local all alike', () => {
  const [one] = modelAfter(needs(Math.E), { registry: { s: always(1) } }).members
  for (const logScore of one?.scores ?? []) expect(logScore).toBeCloseTo(Math.log(priorDensity(1)), 12)
  expect([...(one?.residuals.values.subarray(0, 1) ?? [])]).toEqual([1])
  expect(one?.weightSums).toEqual({ slowSum: 1, fastSum: 1, slowSquares: 1, fastSquares: 1 })
})

test('a log score fades by 3 % an execution, and no execution moves it by more than 6', () => {
  const scoreAfter = (...values: readonly number[]) =>
    modelAfter(needs(...values), { registry: { s: always(1) } }).members[0]?.scores[0] ?? 0
  expect(scoreAfter(Math.exp(20))).toBe(-6)
  expect(scoreAfter(Math.exp(20), Math.exp(-20))).toBeCloseTo(-6 * 0.97 - 6, 12)
  // The narrowest kernel is denser than e⁶; 6 each time adds up to 6 / (1 − 0.97).
  const sure = modelAfter(needs(...new Array<number>(300).fill(1)), { registry: { s: always(1) } })
  for (const logScore of sure.members[0]?.scores ?? []) expect(logScore).toBeLessThan(6 / 0.03)
})

test('a residual says no more beyond thirty logarithms', () => {
  const { members } = modelAfter(needs(1e30, 1e-30), { registry: { s: always(1) } })
  expect([...(members[0]?.residuals.values.subarray(0, 2) ?? [])]).toEqual([-30, 30])
})

test('where a feature is informative, local experts are scored by what is near', () => {
  const observations = Array.from({ length: 12 }, (_, i) => ({
    point: pointAt([i % 3]),
    need: Math.exp(i % 3) * (1 + 0.001 * i),
  }))
  const { members } = modelAfter(observations, { registry: { s: always(Math.E) } })
  const [slow, , slowLocal, fastLocal] = members[0]?.scores ?? []
  expect(slowLocal).toBeGreaterThan(slow ?? 0)
  expect(fastLocal).not.toBe(slowLocal)
})

test('a strategy sees the most informative feature and the nearest executions in it', () => {
  const observations = [1, 2, 3, 4].map((i) => ({ point: pointAt([i]), need: 10 * i }))
  const { members } = modelAfter(observations, { registry: { near: nearestNeighbours(1) } })
  expect(members[0]?.learner.predict(pointAt([2.9]))).toBeCloseTo(30, 9)
})

test('the calibration holds the mixture’s probability at or below each need that was predicted', () => {
  const transforms = (need: number, strategy = always(1)) =>
    modelAfter(needs(need), { registry: { strategy } }).calibration.values
  expect(transforms(Math.E)).toEqual([expect.closeTo(1 - 0.5 * Math.exp(-1 / 0.3), 12)])
  expect(transforms(1 / Math.E)).toEqual([expect.closeTo(0.5 * Math.exp(-1 / 0.3), 12)])
  expect(transforms(Math.E, always(undefined))).toEqual([])
})

test('a need above all residuals is above nearly all of the mixture', () => {
  const values = modelAfter(needs(1, 1, 1, Math.exp(5)), { registry: { s: always(1) } }).calibration.values
  expect(values.slice(0, 3)).toEqual([0.5, 0.5, 0.5].map((value) => expect.closeTo(value, 9)))
  expect(values[3]).toBeGreaterThan(0.99)
})

test('a success settles the attempts that were killed before it', () => {
  const model = modelAfter(needs(1), { registry: {} })
  expect(model.censored).toEqual([])
  const learning = learningWith({ registry: {} })
  addCensored(model.censored, 5, 1, undefined)
  addCensored(model.censored, 7, 1, undefined)
  learnExecution(model, { point: pointAt([]), need: 10, attempt: 2 }, learning)
  expect(model.censored).toEqual([{ above: 5, attempt: 1, predicted: undefined, weight: 0.8 }])
})

test('weights of the past are local where a feature or label is informative', () => {
  const plain = modelAfter(needs(1, 2), { registry: {} })
  expect(weightsFor(plain, pointAt([]), createWorkspace()).isLocal).toBe(false)
  const observations = Array.from({ length: 50 }, (_, i) => ({
    point: pointAt([i], { genome: i % 2 === 0 ? 'human' : 'yeast' }),
    need: i % 2 === 0 ? 100 + i : 1 + i,
  }))
  const model = modelAfter(observations, { registry: {} })
  const weights = weightsFor(model, pointAt([0], { genome: 'human' }), createWorkspace())
  expect(weights.isLocal).toBe(true)
  expect(weights.proximity[0]).toBe(1)
  // The other genome counts a tenth.
  expect(weights.proximity[1]).toBeLessThan(0.1)
  expect(weights.proximity[2]).toBeGreaterThan(0.5)
})

test('weights are made once for a point, and anew for another, or once there are more executions', () => {
  const learning = learningWith({ registry: {} })
  const model = modelAfter(
    [1, 2, 3].map((i) => ({ point: pointAt([i]), need: i })),
    learning,
  )
  const workspace = createWorkspace()
  const [point, other] = [pointAt([1]), pointAt([3])]
  const weights = weightsFor(model, point, workspace)
  expect(weightsFor(model, point, workspace)).toBe(weights)
  expect(weightsFor(model, other, workspace)).not.toBe(weights)
  expect(weightsFor(model, point, workspace).proximity[0]).toBe(1)
  learnExecution(model, { point: pointAt([4]), need: 4, attempt: 1 }, learning)
  expect(weightsFor(model, point, workspace).by.set.size).toBe(4)
})
