import { expect, test } from 'vitest'
import { scoreEstimate, type TokenEstimate } from '../../../../services/profiler/domain/accuracy.ts'
import { ensembleName, type StrategyAccuracy } from '../../../../shared/domain/profile.ts'
import { recordOf } from '../../../support/executions.ts'

const settings = { accuracyDecay: 0.5, maxAccuracyEntries: 4 }

const estimateOf = (
  allocation: number,
  predictions: Record<string, number | undefined> = {},
): TokenEstimate => ({
  variant: '',
  dimensions: [
    {
      dimension: 'memoryBytes',
      allocation,
      confidence: 0.8,
      predictions: Object.entries(predictions).map(([strategy, value]) => ({ strategy, value })),
    },
  ],
})

const find = (accuracy: readonly StrategyAccuracy[], strategy: string) =>
  accuracy.find((entry) => entry.strategy === strategy)

test('an estimate that sufficed is scored for every strategy that answered', () => {
  const record = recordOf('a', { memoryBytes: 100, durationMs: 10 })
  const accuracy = scoreEstimate([], estimateOf(150, { mean: 80, abstained: undefined }), record, settings)
  expect(find(accuracy, ensembleName)).toMatchObject({
    executions: 1,
    weight: 1,
    coverage: 1,
    relativeError: 0.5,
    wastage: 500,
    meanConfidence: 0.8,
  })
  expect(find(accuracy, ensembleName)?.brier).toBeCloseTo(0.04, 12)
  expect(find(accuracy, 'mean')).toMatchObject({ coverage: 0, relativeError: 0.2, wastage: 0, brier: 0 })
  expect(find(accuracy, 'abstained')).toBeUndefined()
})

test('older scores fade per execution, the count does not', () => {
  const first = scoreEstimate([], estimateOf(150), recordOf('a', { memoryBytes: 100 }), settings)
  const second = scoreEstimate(first, estimateOf(50), recordOf('b', { memoryBytes: 100 }), settings)
  expect(find(second, ensembleName)).toMatchObject({ executions: 2, weight: 1.5 })
  expect(find(second, ensembleName)?.coverage).toBeCloseTo(0.5 / 1.5, 12)
})

test('killed for memory: what was given did not suffice, what is above it is not known', () => {
  const record = recordOf(
    'a',
    { memoryBytes: 95, durationMs: 10 },
    { outcome: 'out-of-memory', allocated: { memoryBytes: 100 } },
  )
  const accuracy = scoreEstimate([], estimateOf(100, { high: 200, low: 50 }), record, settings)
  expect(find(accuracy, ensembleName)).toMatchObject({ coverage: 0, wastage: 0 })
  expect(find(accuracy, 'low')).toMatchObject({ coverage: 0, relativeError: 0.5 })
  expect(find(accuracy, 'high')).toBeUndefined()
})

test('a kill that nobody could measure is scored by what was given', () => {
  const record = recordOf('a', {}, { outcome: 'out-of-memory', allocated: { memoryBytes: 100 } })
  const accuracy = scoreEstimate([], estimateOf(100, { high: 200, low: 50 }), record, settings)
  expect(find(accuracy, ensembleName)).toMatchObject({ coverage: 0 })
  expect(find(accuracy, 'low')).toMatchObject({ relativeError: 0.5 })
  expect(find(accuracy, 'high')).toBeUndefined()
})

test.each(['failed', 'evicted', 'timed-out', 'lost'] as const)(
  'a run that ended %s scores no memory',
  (outcome) => {
    const record = recordOf('a', { memoryBytes: 95 }, { outcome })
    expect(scoreEstimate([], estimateOf(100), record, settings)).toEqual([])
  },
)

test('entries are bounded: those with the fewest executions go first, and the order is by name', () => {
  let accuracy: readonly StrategyAccuracy[] = []
  for (let i = 0; i < 5; i++) {
    accuracy = scoreEstimate(
      accuracy,
      estimateOf(1, { b: 1, a: 1 }),
      recordOf(`${i}`, { memoryBytes: 1 }),
      settings,
    )
  }
  accuracy = scoreEstimate(
    accuracy,
    estimateOf(1, { c: 1, d: 1 }),
    recordOf('x', { memoryBytes: 1 }),
    settings,
  )
  expect(accuracy.map(({ strategy }) => strategy)).toEqual(['a', 'b', 'c', ensembleName])
})

test('the own answer of each variant is kept before any strategy is', () => {
  const record = recordOf('a', { memoryBytes: 1 })
  let accuracy: readonly StrategyAccuracy[] = []
  for (let i = 0; i < 5; i++)
    accuracy = scoreEstimate(accuracy, estimateOf(1, { a: 1, b: 1 }), record, settings)
  const rare = { ...estimateOf(1, { a: 1, b: 1 }), variant: 'rare' }
  accuracy = scoreEstimate(accuracy, rare, record, settings)
  expect(accuracy.filter(({ strategy }) => strategy === ensembleName).map(({ variant }) => variant)).toEqual([
    '',
    'rare',
  ])
})

test('the cost counts what a failure threw away, where a shortfall kills', () => {
  const record = recordOf('a', { memoryBytes: 100, cpuCores: 2, durationMs: 10 })
  const estimate: TokenEstimate = {
    variant: '',
    dimensions: [
      { dimension: 'memoryBytes', allocation: 80, confidence: 0.5, predictions: [] },
      { dimension: 'cpuCores', allocation: 1, confidence: 0.5, predictions: [] },
    ],
  }
  const [cpu, memory] = scoreEstimate([], estimate, record, settings)
  expect(memory).toMatchObject({ dimension: 'memoryBytes', wastage: 0, cost: 800 })
  expect(cpu).toMatchObject({ dimension: 'cpuCores', wastage: 0, cost: 0 })
})

test('beside what fades there is what was ever scored', () => {
  const needs = [100, 200, 50, 400]
  let accuracy: readonly StrategyAccuracy[] = []
  for (const need of needs) {
    accuracy = scoreEstimate(
      accuracy,
      estimateOf(150),
      recordOf('a', { memoryBytes: need, durationMs: 1 }),
      settings,
    )
  }
  const own = find(accuracy, ensembleName)
  expect(own?.weight).toBeCloseTo(1.875, 12)
  expect(own?.weightSquares).toBeCloseTo(1 + 0.25 + 0.0625 + 0.015625, 12)
  expect(own?.total).toMatchObject({ weight: 4, weightSquares: 4, coverage: 0.5 })
  const costs = [50, 150, 100, 150]
  const mean = costs.reduce((sum, cost) => sum + cost, 0) / 4
  expect(own?.total?.cost).toBeCloseTo(mean, 9)
  expect(own?.total?.costVariance).toBeCloseTo(
    costs.reduce((sum, cost) => sum + (cost - mean) ** 2, 0) / 4,
    9,
  )
  expect(own?.total?.calibration).toEqual([{ bin: 8, weight: 4, confidence: 0.8, coverage: 0.5 }])
})

test('host memory that ran out says nothing of GPU memory that was left', () => {
  const estimate: TokenEstimate = {
    variant: '',
    dimensions: [{ dimension: 'gpuMemoryBytes', allocation: 100, confidence: 0.8, predictions: [] }],
  }
  const killed = (gpuMemoryBytes: number) =>
    recordOf(
      'a',
      { gpuMemoryBytes, durationMs: 10 },
      { outcome: 'out-of-memory', allocated: { gpuMemoryBytes: 100 } },
    )
  expect(scoreEstimate([], estimate, killed(40), settings)).toEqual([])
  expect(find(scoreEstimate([], estimate, killed(99), settings), ensembleName)).toMatchObject({ coverage: 0 })
})

test('own answers are dropped last, however few executions they scored', () => {
  const entry = (strategy: string, executions: number) => {
    const [scored] = scoreEstimate([], estimateOf(1), recordOf('a', { memoryBytes: 1 }), settings)
    return { ...(scored as StrategyAccuracy), strategy, executions }
  }
  const scored = { a: 10, b: 50, c: 30, d: 90, e: 20 }
  const held = Object.entries(scored).map(([strategy, executions]) => entry(strategy, executions))
  const accuracy = scoreEstimate(held, estimateOf(1), recordOf('a', { memoryBytes: 1 }), settings)
  expect(accuracy.map(({ strategy, executions }) => [strategy, executions])).toEqual([
    ['b', 50],
    ['c', 30],
    ['d', 90],
    [ensembleName, 1],
  ])
})

test('the use is what a need is known to be above, where it was higher than what was given', () => {
  const killed = recordOf(
    'a',
    { memoryBytes: 120, durationMs: 10 },
    { outcome: 'out-of-memory', allocated: { memoryBytes: 100 } },
  )
  const accuracy = scoreEstimate([], estimateOf(110, { at: 120, above: 121 }), killed, settings)
  expect(find(accuracy, ensembleName)?.relativeError).toBeCloseTo(10 / 120, 12)
  expect(find(accuracy, 'at')).toMatchObject({ coverage: 0, relativeError: 0 })
  expect(find(accuracy, 'above')).toBeUndefined()
})

test('a prediction that is met exactly has sufficed', () => {
  const [scored] = scoreEstimate([], estimateOf(100), recordOf('a', { memoryBytes: 100 }), settings)
  expect(scored).toMatchObject({ coverage: 1, relativeError: 0, wastage: 0 })
})

test('an execution that used nothing to speak of, or was not measured, scores nothing', () => {
  const held = scoreEstimate([], estimateOf(1), recordOf('a', { memoryBytes: 1 }), settings)
  expect(scoreEstimate(held, estimateOf(1), recordOf('b', { memoryBytes: 0 }), settings)).toBe(held)
  expect(scoreEstimate(held, estimateOf(1), recordOf('b', { durationMs: 5 }), settings)).toBe(held)
})

test('an execution of weight n scores as n do', () => {
  const [scored] = scoreEstimate(
    [],
    estimateOf(1),
    recordOf('a', { memoryBytes: 1 }, { weight: 3 }),
    settings,
  )
  expect(scored).toMatchObject({ executions: 3, weight: 3, total: { weight: 3 } })
})

test('entries of one name are told apart by variant and dimension, and come in that order', () => {
  const record = recordOf('a', { memoryBytes: 1, cpuCores: 1 })
  const both = (variant: string): TokenEstimate => ({
    variant,
    dimensions: (['memoryBytes', 'cpuCores'] as const).map((dimension) => ({
      dimension,
      allocation: 2,
      confidence: 0.5,
      predictions: [{ strategy: 'p95', value: 2 }],
    })),
  })
  const roomy = { ...settings, maxAccuracyEntries: 100 }
  const accuracy = scoreEstimate(scoreEstimate([], both('b'), record, roomy), both('a'), record, roomy)
  expect(accuracy.map(({ strategy, variant, dimension }) => [strategy, variant, dimension])).toEqual([
    [ensembleName, 'a', 'cpuCores'],
    [ensembleName, 'a', 'memoryBytes'],
    [ensembleName, 'b', 'cpuCores'],
    [ensembleName, 'b', 'memoryBytes'],
    ['p95', 'a', 'cpuCores'],
    ['p95', 'a', 'memoryBytes'],
    ['p95', 'b', 'cpuCores'],
    ['p95', 'b', 'memoryBytes'],
  ])
})
