import { expect, test } from 'vitest'
import {
  type DimensionModel,
  weightsFor,
} from '../../../../services/estimator/domain/ensemble/dimension-model.ts'
import { extendTask, fitTask } from '../../../../services/estimator/domain/ensemble/task-model.ts'
import { createWorkspace } from '../../../../services/estimator/domain/ensemble/workspace.ts'
import type { ExecutionRecord } from '../../../../shared/domain/execution.ts'
import type { Dimension, Resources } from '../../../../shared/domain/resources.ts'
import { execution } from '../../../support/histories.ts'
import { always } from '../../../support/models.ts'
import { learningWith } from '../../../support/queries.ts'

const learning = learningWith({ registry: {} })

const ran = (used: Resources, more: Partial<ExecutionRecord> = {}) => execution('e', { used, ...more })

const dimensionAfter = (dimension: Dimension, ...history: readonly ExecutionRecord[]) =>
  fitTask(history, learning).dimensions.get(dimension)

const needsAfter = (dimension: Dimension, ...history: readonly ExecutionRecord[]) => {
  const model = dimensionAfter(dimension, ...history)
  return [...(model?.executions.needs.subarray(0, model.executions.count) ?? [])]
}

test('learns each dimension from the executions that it was measured in', () => {
  const history = [ran({ memoryBytes: 5, cpuCores: 2 }), ran({ memoryBytes: 7 }), ran({ cpuCores: 3 })]
  expect(needsAfter('memoryBytes', ...history)).toEqual([5, 7])
  expect(needsAfter('cpuCores', ...history)).toEqual([2, 3])
  expect(dimensionAfter('diskBytes', ...history)).toBeUndefined()
})

test('dimensions share the weights of the past as long as they were observed in the same executions', () => {
  const both = ran({ memoryBytes: 5, durationMs: 2 }, { features: { size: 1 } })
  const one = ran({ memoryBytes: 5 }, { features: { size: 1 } })
  const sharesWeights = (...history: readonly ExecutionRecord[]) => {
    const { dimensions, encoder } = fitTask(history, learning)
    const workspace = createWorkspace()
    const point = encoder.encode({ size: 2 }, {}, false)
    const [memory, duration] = (['memoryBytes', 'durationMs'] as const).map((dimension) =>
      weightsFor(dimensions.get(dimension) as DimensionModel, point, workspace),
    )
    return memory === duration
  }
  expect(sharesWeights(both)).toBe(true)
  expect(sharesWeights(both, both)).toBe(true)
  expect(sharesWeights(both, one)).toBe(false)
  expect(sharesWeights(one, both)).toBe(false)
  expect(sharesWeights(both, one, both)).toBe(false)
})

test('a need below noise counts as noise, one above 10¹⁸ as that', () => {
  const used = { cpuCores: 0, memoryBytes: 0, diskBytes: 0, gpuMemoryBytes: 0, durationMs: 0 }
  expect(needsAfter('cpuCores', ran(used))).toEqual([1e-3])
  for (const dimension of ['memoryBytes', 'diskBytes', 'gpuMemoryBytes', 'durationMs'] as const)
    expect(needsAfter(dimension, ran(used))).toEqual([1])
  expect(needsAfter('memoryBytes', ran({ memoryBytes: 1e30 }))).toEqual([1e18])
})

test('an execution out of memory is censored at what it had, and no observation of a need', () => {
  const killed = ran({ memoryBytes: 4e9 }, { outcome: 'out-of-memory', allocated: { memoryBytes: 5e9 } })
  expect(needsAfter('memoryBytes', killed)).toEqual([])
  expect(dimensionAfter('memoryBytes', killed)?.censored).toEqual([
    { above: 5e9, attempt: 1, predicted: undefined, weight: 1 },
  ])
  const nothing = ran({}, { outcome: 'out-of-memory', allocated: { memoryBytes: 0 } })
  expect(dimensionAfter('memoryBytes', nothing)?.censored).toEqual([])
  const endless = ran({}, { outcome: 'out-of-memory', allocated: { memoryBytes: Number.POSITIVE_INFINITY } })
  expect(dimensionAfter('memoryBytes', endless)?.censored).toEqual([])
})

test('a killed attempt remembers what was predicted of it, where anything was', () => {
  const killed = ran({}, { outcome: 'out-of-memory', allocated: { memoryBytes: 5e9 } })
  const after = (...history: readonly ExecutionRecord[]) =>
    fitTask([...history, killed], learningWith({ registry: { one: always(1e9) } })).dimensions.get(
      'memoryBytes',
    )?.censored[0]?.predicted
  expect(after()).toBeUndefined()
  const needs = Array.from({ length: 9 }, () => ran({ memoryBytes: 2e9 }))
  expect(after(...needs)).toBeCloseTo(Math.log(2e9), 1)
})

test('its success takes the attempts killed before out', () => {
  const killed = ran({}, { outcome: 'out-of-memory', allocated: { memoryBytes: 5e9 } })
  const succeeded = (attempt: number) => ran({ memoryBytes: 6e9 }, { attempt })
  expect(dimensionAfter('memoryBytes', killed, succeeded(2))?.censored).toEqual([])
  expect(dimensionAfter('memoryBytes', killed, succeeded(1))?.censored).toEqual([
    { above: 5e9, attempt: 1, predicted: undefined, weight: 0.8 },
  ])
})

test('an execution that failed for another reason is no observation', () => {
  expect(dimensionAfter('memoryBytes', ran({ memoryBytes: 4e9 }, { outcome: 'failed' }))).toBeUndefined()
})

test('a run time counts where it was measured', () => {
  const runtimeAfter = (durationMs: number | undefined) => {
    const model = dimensionAfter('memoryBytes', ran({ memoryBytes: 5, durationMs }))
    return [model?.runtimeCount, model?.runtimeSumMs]
  }
  expect(runtimeAfter(700)).toEqual([1, 700])
  expect(runtimeAfter(0)).toEqual([1, 1])
  for (const unknown of [undefined, -1, Number.NaN, Number.POSITIVE_INFINITY])
    expect(runtimeAfter(unknown)).toEqual([0, 0])
})

test('features and labels become columns as they appear', () => {
  const model = fitTask([ran({ memoryBytes: 5 }, { features: { size: 7 }, labels: { tool: 'x' } })], learning)
  expect(model.encoder.encode({ size: 3 }, {}, false).values).toEqual([3])
  expect(model.dimensions.get('memoryBytes')?.executions.points[0]?.labels).toEqual({ tool: 'x' })
})

test('extends a model in place', () => {
  const model = fitTask([ran({ memoryBytes: 5 })], learning)
  expect(extendTask(model, ran({ memoryBytes: 6 }), learning)).toBe(model)
  expect(model.dimensions.get('memoryBytes')?.executions.count).toBe(2)
})
