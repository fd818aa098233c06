import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  checkLearningConfig,
  defaultLearningConfig,
  type LearningConfig,
  settingsFor,
} from '../../../services/scheduler/domain/learning-config.ts'
import { type Answer, type SizingInput, size } from '../../../services/scheduler/domain/sizing.ts'
import { estimateSources, type Notice } from '../../../shared/domain/estimate.ts'
import { outcomes } from '../../../shared/domain/execution.ts'
import { dimensions } from '../../../shared/domain/resources.ts'
import { anyNotices, anyResources } from '../../support/arbitraries.ts'

const MiB = 2 ** 20

const input = (changes: Partial<SizingInput> = {}): SizingInput => ({
  explicit: {},
  requested: { memoryBytes: 1000 * MiB, cpuCores: 1 },
  defaults: {},
  previousAllocation: {},
  previousOutcome: undefined,
  settings: defaultLearningConfig,
  answer: {
    resources: { memoryBytes: 100 * MiB, cpuCores: 0.5 },
    confidence: 0.9,
    source: 'profile',
    reason: 'because',
    executions: 20,
    notices: [],
  },
  ...changes,
})

const anyAnswer = fc.record({
  resources: anyResources,
  confidence: fc.double({ min: 0, max: 1, noNaN: true }),
  source: fc.constantFrom(...estimateSources),
  reason: fc.string(),
  executions: fc.nat(),
  notices: anyNotices,
})

const anyInput: fc.Arbitrary<SizingInput> = fc.record({
  explicit: anyResources,
  requested: anyResources,
  defaults: anyResources,
  previousAllocation: anyResources,
  previousOutcome: fc.option(fc.constantFrom(...outcomes), { nil: undefined }),
  settings: fc
    .record({
      mode: fc.constantFrom('off' as const, 'shadow' as const, 'advise' as const, 'apply' as const),
      minExecutions: fc.nat(50),
      confidenceThreshold: fc.double({ min: 0, max: 1, noNaN: true }),
      dimensions: fc.subarray([...dimensions]),
      headroom: fc.double({ min: 0, max: 2, noNaN: true }),
      min: anyResources,
      max: anyResources,
      neverAboveRequest: fc.boolean(),
      beyondRange: fc.constantFrom(undefined, 'trust' as const, 'request' as const),
    })
    .map((settings) => ({ ...defaultLearningConfig, ...settings })),
  answer: fc.oneof(anyAnswer, fc.constant({ unavailable: 'gone' }), fc.constant(undefined)),
})

test('explicit resources are never overridden, whatever is learned, configured or was tried before', () => {
  fc.assert(
    fc.property(anyInput, (any) => {
      expect(size(any).allocated).toMatchObject(any.explicit)
    }),
  )
})

test('what is requested or set by default is given or replaced, never lost', () => {
  fc.assert(
    fc.property(anyInput, (any) => {
      for (const dimension of Object.keys({ ...any.requested, ...any.defaults })) {
        expect(size(any).allocated).toHaveProperty(dimension)
      }
    }),
  )
})

test('memory is never given again as it was after it ran out, unless its owner or a maximum says so', () => {
  fc.assert(
    fc.property(anyInput, (any) => {
      const before = any.previousAllocation.memoryBytes
      if (before === undefined || before === 0 || any.explicit.memoryBytes !== undefined) return
      if (any.settings.max.memoryBytes !== undefined) return
      const { allocated } = size({ ...any, previousOutcome: 'out-of-memory' })
      expect(allocated.memoryBytes).toBeGreaterThan(before)
    }),
  )
})

test('a good answer is given', () => {
  expect(size(input())).toMatchObject({
    allocated: { memoryBytes: 100 * MiB, cpuCores: 0.5 },
    reason: 'learned',
    explanation: 'because',
  })
})

describe('the request is given', () => {
  const answer = input().answer as Exclude<SizingInput['answer'], undefined | { unavailable: string }>
  test.each<[string, Partial<SizingInput>, string]>([
    ['with learning off', { answer: undefined }, 'off'],
    ['with the estimator gone', { answer: { unavailable: 'no answer within 250 ms' } }, 'unavailable'],
    ['after too few executions', { answer: { ...answer, executions: 2 } }, 'too-few-executions'],
    ['where the answer is not sure', { answer: { ...answer, confidence: 0.49 } }, 'not-confident'],
    ['for an unknown task', { answer: { ...answer, source: 'namespace' } }, 'unknown-task'],
    ['in shadow', { settings: { ...defaultLearningConfig, mode: 'shadow' } }, 'shadow'],
    ['where one is only advised', { settings: { ...defaultLearningConfig, mode: 'advise' } }, 'advise'],
  ])('%s', (_, changes, reason) => {
    const sizing = size(input(changes))
    expect(sizing.reason).toBe(reason)
    expect(sizing.allocated).toEqual({ memoryBytes: 1000 * MiB, cpuCores: 1 })
  })
})

describe('beyond the range learned from', () => {
  const beyond: Notice = { kind: 'beyond-range', subject: 'input_bytes', number: 3.2, nearest: [] }
  const sized = (
    beyondRange: 'trust' | 'request' | undefined,
    confidence: number,
    changes: Partial<SizingInput> = {},
  ) =>
    size({
      ...input(changes),
      settings: { ...defaultLearningConfig, beyondRange },
      answer: { ...(input().answer as Answer), confidence, notices: [beyond] },
    })

  test('the answer counts where it is sure, unless something else is asked for', () => {
    expect(sized(undefined, 0.9)).toMatchObject({ reason: 'learned', allocated: { memoryBytes: 100 * MiB } })
    expect(sized(undefined, 0.3).reason).toBe('not-confident')
  })

  test('trusted, it counts however sure it is; within the range it does not', () => {
    expect(sized('trust', 0.01)).toMatchObject({ reason: 'learned', allocated: { memoryBytes: 100 * MiB } })
    const answer = { ...(input().answer as Answer), confidence: 0.01 }
    const settings = { ...defaultLearningConfig, beyondRange: 'trust' as const }
    expect(size(input({ settings, answer })).reason).toBe('not-confident')
  })

  test('the request is given where there is one, however sure the answer is', () => {
    expect(sized('request', 0.99)).toMatchObject({
      allocated: { memoryBytes: 1000 * MiB, cpuCores: 1 },
      reason: 'beyond-range',
      explanation: expect.stringContaining('input_bytes'),
      advice: { memoryBytes: 100 * MiB },
    })
    expect(sized('request', 0.99, { requested: { cpuCores: 1 } })).toMatchObject({
      allocated: { memoryBytes: 100 * MiB, cpuCores: 1 },
      reason: 'beyond-range',
    })
    expect(sized('request', 0.99, { requested: {} }).reason).toBe('learned')
  })

  test('what ran out with the request is not given the request again', () => {
    const killed = {
      previousAllocation: { memoryBytes: 1000 * MiB },
      previousOutcome: 'out-of-memory',
    } as const
    expect(sized('request', 0.99, killed).allocated.memoryBytes).toBe(2000 * MiB)
  })

  test('a task can have its own rule, and one that there is not is refused', () => {
    const overrides = [{ task: 'align/*', beyondRange: 'request' as const }]
    const config = { ...defaultLearningConfig, overrides }
    expect(settingsFor(config, { namespace: 'n', task: 'align/bwa' }).beyondRange).toBe('request')
    expect(settingsFor(config, { namespace: 'n', task: 'sort' }).beyondRange).toBeUndefined()
    const wrong = { ...defaultLearningConfig, beyondRange: 'hope' as never }
    expect(() => checkLearningConfig(wrong)).toThrow('learning.beyondRange')
  })
})

test('an unknown task that requests nothing gets the default, and without one the best answer there is', () => {
  const unknown = input({
    requested: {},
    answer: { ...(input().answer as object), source: 'default' } as never,
  })
  expect(size({ ...unknown, defaults: { memoryBytes: 7 * MiB } }).allocated.memoryBytes).toBe(7 * MiB)
  expect(size(unknown).allocated.memoryBytes).toBe(100 * MiB)
})

test('bounds, headroom and the request hold the answer', () => {
  const sized = (changes: Partial<LearningConfig>) =>
    size(input({ settings: { ...defaultLearningConfig, ...changes } })).allocated.memoryBytes
  expect(sized({ headroom: 0.2 })).toBeCloseTo(120 * MiB, 3)
  expect(sized({ overhead: { memoryBytes: 150 * MiB } })).toBe(250 * MiB)
  expect(sized({ min: { memoryBytes: 150 * MiB } })).toBe(150 * MiB)
  expect(sized({ max: { memoryBytes: 50 * MiB } })).toBe(50 * MiB)
  expect(sized({ headroom: 10, neverAboveRequest: true })).toBe(1000 * MiB)
})

test('what is not to be learned is given as requested', () => {
  const settings = { ...defaultLearningConfig, dimensions: ['memoryBytes' as const] }
  expect(size(input({ settings })).allocated).toEqual({ memoryBytes: 100 * MiB, cpuCores: 1 })
})

test('the estimator gone, a retry after a kill gets twice what it had, up to the maximum', () => {
  const retry = input({
    answer: { unavailable: 'gone' },
    requested: {},
    previousAllocation: { memoryBytes: 100 * MiB },
    previousOutcome: 'out-of-memory',
  })
  expect(size(retry)).toMatchObject({ reason: 'escalated', allocated: { memoryBytes: 200 * MiB } })
  const held = { ...defaultLearningConfig, max: { memoryBytes: 150 * MiB } }
  expect(size({ ...retry, settings: held }).allocated.memoryBytes).toBe(150 * MiB)
})

test.each(['evicted', 'cancelled', 'lost', 'failed'] as const)(
  'nothing is raised after %s',
  (previousOutcome) => {
    const sizing = size(input({ previousAllocation: { memoryBytes: 5000 * MiB }, previousOutcome }))
    expect(sizing.allocated.memoryBytes).toBe(100 * MiB)
  },
)

test('overrides are laid over in order, by namespace, by task and by the beginning of its name', () => {
  const config: LearningConfig = {
    ...defaultLearningConfig,
    overrides: [
      { namespace: 'prod', mode: 'shadow' },
      { task: 'align/*', minExecutions: 10 },
      { namespace: 'prod', task: 'align/bwa', mode: 'apply' },
    ],
  }
  expect(settingsFor(config, { namespace: 'prod', task: 'align/bwa' })).toMatchObject({
    mode: 'apply',
    minExecutions: 10,
  })
  expect(settingsFor(config, { namespace: 'prod', task: 'sort' })).toMatchObject({
    mode: 'shadow',
    minExecutions: 3,
  })
  expect(settingsFor(config, { namespace: 'dev', task: 'aligned' })).toMatchObject({
    mode: 'apply',
    minExecutions: 3,
  })
})

test.each<[Partial<LearningConfig>, string]>([
  [{ confidenceThreshold: 2 }, 'confidenceThreshold'],
  [{ minExecutions: -1 }, 'minExecutions'],
  [{ updateInterval: Number.NaN }, 'updateInterval'],
  [{ overrides: [{ risk: 7 }] }, 'overrides[0].risk'],
  [{ mode: 'on' as never }, 'mode'],
  [{ dimensions: ['memory' as never] }, 'dimensions'],
])('%j makes no sense, and says so', (changes, name) => {
  expect(() => checkLearningConfig({ ...defaultLearningConfig, ...changes })).toThrow(name)
})
