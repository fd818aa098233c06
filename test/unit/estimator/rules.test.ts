import { expect, test } from 'vitest'
import { bounded } from '../../../services/estimator/domain/bounds.ts'
import { coldStart } from '../../../services/estimator/domain/cold-start.ts'
import { exceeded } from '../../../services/estimator/domain/escalation.ts'
import { verdict } from '../../../services/estimator/domain/reliability.ts'
import { summarise } from '../../../shared/domain/cohort.ts'
import type { Outcome } from '../../../shared/domain/execution.ts'
import type { StrategyAccuracy } from '../../../shared/domain/profile.ts'
import { cohortOf, execution } from '../../support/histories.ts'

const limits = { min: { memoryBytes: 1e6 }, max: { memoryBytes: 1e12 } }

test('bounds are applied in order, and each that changed something is told', () => {
  const policy = { min: { memoryBytes: 2e9 }, max: { memoryBytes: 3e9 } }

  expect(bounded(2.5e9, 'memoryBytes', policy, limits)).toEqual({ amount: 2.5e9, clamps: [] })
  expect(bounded(1e9, 'memoryBytes', policy, limits)).toEqual({
    amount: 2e9,
    clamps: [{ kind: 'policy-min', before: 1e9, after: 2e9 }],
  })
  expect(bounded(9e12, 'memoryBytes', { min: {}, max: { memoryBytes: 5e12 } }, limits)).toEqual({
    amount: 1e12,
    clamps: [
      { kind: 'policy-max', before: 9e12, after: 5e12 },
      { kind: 'limit', before: 5e12, after: 1e12 },
    ],
  })
})

test('an explicit maximum holds below the least that is answered otherwise', () => {
  expect(bounded(2e9, 'memoryBytes', { min: {}, max: { memoryBytes: 4e5 } }, limits)).toEqual({
    amount: 4e5,
    clamps: [{ kind: 'policy-max', before: 2e9, after: 4e5 }],
  })
  expect(bounded(1e5, 'memoryBytes', { min: {}, max: { memoryBytes: 4e5 } }, limits).amount).toBe(4e5)
  expect(bounded(1e5, 'memoryBytes', { min: {}, max: { memoryBytes: 4e9 } }, limits).amount).toBe(1e6)
})

test.each<[Outcome, 'memoryBytes' | 'durationMs', boolean]>([
  ['out-of-memory', 'memoryBytes', true],
  ['out-of-memory', 'durationMs', false],
  ['timed-out', 'durationMs', true],
  ['timed-out', 'memoryBytes', false],
  ['failed', 'memoryBytes', false],
  ['evicted', 'memoryBytes', false],
  ['cancelled', 'durationMs', false],
  ['lost', 'memoryBytes', false],
])('after %s a retry exceeds what failed in %s: %s', (previousOutcome, dimension, raises) => {
  const previousAllocation = { memoryBytes: 7, durationMs: 7 }

  expect(exceeded({ previousOutcome, previousAllocation }, dimension)).toBe(raises ? 7 : undefined)
})

test('without history: the closest cohort, then the namespace by its requests, the request, the default', () => {
  const tool = cohortOf('tool=bwa', [2e9, 2.1e9, 2.2e9])
  const few = cohortOf('image=x', [9e9])
  const asked = { requested: { memoryBytes: 8e9 } }
  const half = (i: number) =>
    summarise(`t${i}`, 1, [
      execution(`n${i}`, { requested: { memoryBytes: 2e9 }, used: { memoryBytes: 1e9 } }),
    ])
  const namespace = {
    key: { namespace: 'default', kind: 'namespace', task: '' } as const,
    members: [half(0), half(1), half(2)],
  }
  const from = (
    ...[kin, query]: [Parameters<typeof coldStart>[0], { requested: { memoryBytes?: number } }]
  ) => coldStart(kin, query, { memoryBytes: 4e9 }, 'memoryBytes')

  expect(from([few, tool, namespace], { requested: {} })).toMatchObject({ source: 'cohort' })
  expect(from([few, tool], { requested: {} })?.reason).toContain('tool=bwa')
  expect(from([few, namespace], asked)).toMatchObject({ source: 'namespace' })
  expect(from([few], asked)).toMatchObject({ source: 'request', amount: 8e9 })
  expect(from([namespace], { requested: {} })).toMatchObject({ source: 'default', amount: 4e9 })
  expect(coldStart([], { requested: {} }, {}, 'gpuMemoryBytes')).toBeUndefined()
})

test('without a request many tasks of the namespace say what is needed, where to lack it is fatal', () => {
  const used = { memoryBytes: 1e9, cpuCores: 1 }
  const member = (i: number) => summarise(`t${i}`, 1, [execution(`n${i}`, { requested: {}, used })])
  const key = { namespace: 'default', kind: 'namespace', task: '' } as const
  const from = (count: number, dimension: 'memoryBytes' | 'cpuCores') => {
    const namespace = { key, members: Array.from({ length: count }, (_, i) => member(i)) }
    return coldStart([namespace], { requested: {} }, { memoryBytes: 4e9, cpuCores: 2 }, dimension)
  }

  expect(from(7, 'memoryBytes')).toMatchObject({ source: 'default', amount: 4e9 })
  expect(from(8, 'memoryBytes')).toMatchObject({ source: 'namespace', unrelated: true })
  expect(from(8, 'memoryBytes')?.reason).toContain('8 tasks of the namespace default')
  expect(from(8, 'cpuCores')).toMatchObject({ source: 'default', amount: 2 })
})

test('a record is poor where it is bad and the ensemble’s is not; little of it says nothing', () => {
  const figures = {
    variant: '',
    weight: 20,
    weightSquares: 20,
    coverage: 0.5,
    relativeErrorVariance: 0,
    wastage: 0,
    cost: 0,
    costVariance: 0,
    brier: 0,
    meanConfidence: 0,
    calibration: [],
  }
  const entry = (strategy: string, relativeError: number, executions = 30): StrategyAccuracy => ({
    ...figures,
    strategy,
    dimension: 'memoryBytes',
    executions,
    relativeError,
  })
  const of = (own: number, ensemble: number, executions?: number) =>
    verdict([entry('s', own, executions), entry('foresize', ensemble)], 's', 'memoryBytes')

  expect(of(10, 0.5)).toBe('poor')
  expect(of(10, 5)).toBe('good')
  expect(of(1, 0.1)).toBe('good')
  expect(of(10, 0.5, 5)).toBeUndefined()
  expect(verdict([entry('s', 10)], 's', 'memoryBytes')).toBeUndefined()
})
