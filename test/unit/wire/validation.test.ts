import { describe, expect, test } from 'vitest'
import { ForesizeError, type Violation } from '../../../shared/domain/errors.ts'
import { toQuery } from '../../../shared/wire/estimate.ts'
import {
  toExecutionEnd,
  toExecutionRecord,
  toExecutionStart,
  toLeaseMs,
} from '../../../shared/wire/execution.ts'
import { EstimateQuery } from '../../../shared/wire/gen/foresize/v1/estimator_service.ts'
import {
  ExecutionEnd,
  ExecutionRecord,
  ExecutionStart,
  UsageSamples,
} from '../../../shared/wire/gen/foresize/v1/execution.ts'
import { DimensionStatistics, Profile, ProfileKey } from '../../../shared/wire/gen/foresize/v1/profile.ts'
import { type Inspection, inspect, inspection } from '../../../shared/wire/inspection.ts'
import { limits } from '../../../shared/wire/limits.ts'
import { toProfile, toProfileKey } from '../../../shared/wire/profile.ts'
import { checkSamples } from '../../../shared/wire/samples.ts'

/** Law: each limit of the contract is kept, at its very bound, and the fault is named by the sender's own field path. */

function violations(read: (seen: Inspection) => unknown): readonly Violation[] {
  const seen = inspection()
  read(seen)
  return seen.violations
}

const fields = (read: (seen: Inspection) => unknown) => violations(read).map(({ field }) => field)

const many = <T>(count: number, value: (index: number) => T) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${index}`, value(index)]))

const task = { namespace: '', task: 'align' }
const name256 = 'n'.repeat(256)
const name257 = 'n'.repeat(257)
/** 86 characters of three bytes each: 258 bytes. */
const wide258 = '€'.repeat(86)

const start = (change: object) => ExecutionStart.fromPartial({ executionId: 'e1', task, ...change } as never)

describe('the start of an execution', () => {
  const refused = [
    ['no id', { executionId: '' }, 'start.execution_id'],
    ['an id of 257 bytes', { executionId: name257 }, 'start.execution_id'],
    ['an id of 258 bytes in 86 characters', { executionId: wide258 }, 'start.execution_id'],
    ['a control character in an id', { executionId: 'a\nb' }, 'start.execution_id'],
    ['no task', { task: undefined }, 'start.task'],
    ['an empty task', { task: { namespace: 'n', task: '' } }, 'start.task.task'],
    ['a task of 257 bytes', { task: { task: name257 } }, 'start.task.task'],
    ['a namespace of 257 bytes', { task: { task: 'a', namespace: name257 } }, 'start.task.namespace'],
    ['attempt 1001', { attempt: 1001 }, 'start.attempt'],
    ['a feature that is NaN', { features: { size: NaN } }, 'start.features[size]'],
    ['a feature that is infinite', { features: { size: -Infinity } }, 'start.features[size]'],
    ['a feature without a name', { features: { '': 1 } }, 'start.features[]'],
    ['33 features', { features: many(33, (i) => i) }, 'start.features'],
    ['33 labels', { labels: many(33, String) }, 'start.labels'],
    ['a label of 257 bytes', { labels: { image: name257 } }, 'start.labels[image]'],
    ['a control character in a label', { labels: { image: 'a\u0000' } }, 'start.labels[image]'],
    ['negative memory', { requested: { memoryBytes: -1 } }, 'start.requested.memory_bytes'],
    ['memory that is NaN', { allocated: { memoryBytes: NaN } }, 'start.allocated.memory_bytes'],
    ['infinite cores', { allocated: { cpuCores: Infinity } }, 'start.allocated.cpu_cores'],
    ['absurd cores', { requested: { cpuCores: 1e6 + 1 } }, 'start.requested.cpu_cores'],
    ['absurd disk', { requested: { diskBytes: 2e18 } }, 'start.requested.disk_bytes'],
    ['absurd GPU memory', { requested: { gpuMemoryBytes: 2e16 } }, 'start.requested.gpu_memory_bytes'],
    ['an absurd duration', { requested: { durationMs: 2e12 } }, 'start.requested.duration_ms'],
    ['a token of 2049 bytes', { estimateToken: Buffer.alloc(2049) }, 'start.estimate_token'],
    ['a weight below 1', { weight: 0.5 }, 'start.weight'],
    ['a weight above a million', { weight: 1e6 + 1 }, 'start.weight'],
    ['a weight that is NaN', { weight: NaN }, 'start.weight'],
    ['a negative weight', { weight: -1 }, 'start.weight'],
  ] as const satisfies [string, object, string][]

  test.each(refused)('%s is refused by its path', (_, change, path) => {
    expect(fields((seen) => toExecutionStart(start(change), 'start', seen))).toEqual([path])
  })

  test('a key of 257 bytes is refused, and shown short', () => {
    const [violation, ...rest] = violations((seen) =>
      toExecutionStart(start({ features: { [name257]: 1 } }), 'start', seen),
    )
    expect(rest).toEqual([])
    expect(violation?.description).toBe('must be at most 256 bytes, has 257')
    expect(violation?.field.length).toBeLessThan(100)
  })

  const taken = [
    ['names of 256 bytes', { executionId: name256, task: { namespace: name256, task: name256 } }],
    ['32 features and 32 labels', { features: many(32, (i) => -i), labels: many(32, () => name256) }],
    ['attempt 1000', { attempt: 1000 }],
    ['a weight of a million', { weight: 1e6 }],
    ['a weight between whole numbers', { weight: 3.3 }],
    ['a token of 2048 bytes', { estimateToken: Buffer.alloc(2048) }],
    [
      'the largest of every dimension',
      {
        requested: {
          cpuCores: 1e6,
          memoryBytes: 1e16,
          diskBytes: 1e18,
          gpuMemoryBytes: 1e16,
          durationMs: 1e12,
        },
      },
    ],
    ['zeros', { allocated: { cpuCores: 0, memoryBytes: 0, durationMs: 0 } }],
  ] as const satisfies [string, object][]

  test.each(taken)('%s: taken', (_, change) => {
    expect(violations((seen) => toExecutionStart(start(change), 'start', seen))).toEqual([])
  })

  test('what is not said is the default: namespace, first attempt, weight 1, the lease of the server', () => {
    const message = start({})
    const read = inspect((seen) => toExecutionStart(message, 'start', seen))
    expect(read.task.namespace).toBe('default')
    expect([read.attempt, read.weight]).toEqual([1, 1])
    expect(inspect((seen) => toLeaseMs(message, 'start', seen))).toBe(0)
  })

  test('a lease of more than seven days is refused', () => {
    expect(fields((seen) => toLeaseMs(start({ leaseMs: limits.leaseMs }), 'start', seen))).toEqual([])
    expect(fields((seen) => toLeaseMs(start({ leaseMs: limits.leaseMs + 1 }), 'start', seen))).toEqual([
      'start.lease_ms',
    ])
  })

  test('all faults are named at once, and the path may be empty', () => {
    const message = start({
      executionId: '',
      attempt: 5000,
      features: { a: NaN },
      requested: { cpuCores: -1 },
    })
    expect(fields((seen) => toExecutionStart(message, '', seen))).toEqual([
      'execution_id',
      'attempt',
      'features[a]',
      'requested.cpu_cores',
    ])
  })

  test('a message of thousands of faults is answered with the first sixteen', () => {
    const message = start({ features: many(32, () => NaN) })
    expect(fields((seen) => toExecutionStart(message, '', seen))).toHaveLength(16)
  })

  test('a feature named __proto__ changes no object', () => {
    const entry = Buffer.concat([
      Buffer.from([0x0a, 9]),
      Buffer.from('__proto__'),
      Buffer.from([0x12, 1]),
      Buffer.from('x'),
    ])
    const bytes = Buffer.concat([
      ExecutionStart.encode(start({})).finish(),
      Buffer.from([0x2a, entry.length]),
      entry,
    ])
    const read = inspect((seen) => toExecutionStart(ExecutionStart.decode(bytes), '', seen))
    expect(Object.getPrototypeOf(read.labels)).toBe(Object.prototype)
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
  })
})

describe('the end of an execution', () => {
  const end = (change: object) =>
    ExecutionEnd.fromPartial({ executionId: 'e1', outcome: 1, ...change } as never)

  test.each([
    ['no outcome', { outcome: 0 }, 'outcome'],
    ['an outcome newer than this program', { outcome: 99 }, 'outcome'],
    ['a negative outcome', { outcome: -1 }, 'outcome'],
    ['an unknown source', { source: 77 }, 'source'],
    ['no id', { executionId: '' }, 'execution_id'],
    ['memory that is NaN', { used: { memoryBytes: NaN } }, 'used.memory_bytes'],
  ] as const)('%s is refused by its path', (_, change, path) => {
    const message = { ...end({}), ...end(change) }
    expect(fields((seen) => toExecutionEnd(message, 'ends[3]', seen))).toEqual([`ends[3].${path}`])
  })

  test('the description says what was wrong with the number', () => {
    const described = (outcome: number) =>
      violations((seen) => toExecutionEnd({ ...end({}), outcome: outcome as 1 }, '', seen))[0]?.description
    expect(described(0)).toBe('is required')
    expect(described(99)).toBe('has no value 99')
  })
})

describe('a finished execution', () => {
  const record = (change: object) =>
    ExecutionRecord.fromPartial({ executionId: 'e1', task, outcome: 1, ...change } as never)

  test.each([
    ['before 1970', -1],
    ['after the year 2100', limits.unixMs + 1],
    ['at no time', NaN],
    ['never', Infinity],
  ])('that ended %s is refused', (_, endedAtUnixMs) => {
    expect(fields((seen) => toExecutionRecord(record({ endedAtUnixMs }), 'executions[0]', seen))).toEqual([
      'executions[0].ended_at_unix_ms',
    ])
  })

  test('at no known time is taken', () => {
    expect(fields((seen) => toExecutionRecord(record({}), 'executions[0]', seen))).toEqual([])
  })
})

describe('samples', () => {
  const samples = (change: object) =>
    UsageSamples.fromPartial({ executionId: 'e1', elapsedDeltaMs: [0, 10], ...change } as never)

  test.each([
    ['no execution', { executionId: '' }, 'execution_id'],
    ['none at all', { elapsedDeltaMs: [] }, 'elapsed_delta_ms'],
    ['10,001 of them', { elapsedDeltaMs: Array<number>(10_001).fill(1) }, 'elapsed_delta_ms'],
    ['a column that is shorter', { memoryBytes: [1] }, 'memory_bytes'],
    ['a column that is longer', { cpuCores: [1, 1, 1] }, 'cpu_cores'],
    ['a value that is NaN', { memoryBytes: [1, NaN] }, 'memory_bytes[1]'],
    ['a value that is negative', { diskBytes: [-1, 0] }, 'disk_bytes[0]'],
    ['a value that is infinite', { gpuMemoryBytes: [0, Infinity] }, 'gpu_memory_bytes[1]'],
    ['a value that is absurd', { cpuCores: [0, 1e7] }, 'cpu_cores[1]'],
  ] as const)('with %s are refused by their path', (_, change, path) => {
    const message = samples(change)
    expect(fields((seen) => checkSamples(message, seen))).toEqual([path])
  })

  test('may leave columns out, and 10,000 of them are taken', () => {
    const column = Array<number>(10_000).fill(1)
    expect(
      fields((seen) => checkSamples(samples({ elapsedDeltaMs: column, memoryBytes: column }), seen)),
    ).toEqual([])
  })
})

describe('a query', () => {
  const query = (change: object) => EstimateQuery.fromPartial({ task, ...change } as never)

  test.each([
    ['no task', { task: undefined }, 'task'],
    ['attempt 1001', { attempt: 1001 }, 'attempt'],
    ['an unknown outcome before it', { previousOutcome: 42 as 1 }, 'previous_outcome'],
    ['a negative request', { requested: { memoryBytes: -5 } }, 'requested.memory_bytes'],
    ['a feature that is NaN', { features: { a: NaN } }, 'features[a]'],
    ['a risk below 0', { policy: { risk: -0.1 } }, 'policy.risk'],
    ['a risk above 1', { policy: { risk: 1.1 } }, 'policy.risk'],
    ['a risk that is NaN', { policy: { risk: NaN } }, 'policy.risk'],
    ['certain coverage', { policy: { targetCoverage: 1 } }, 'policy.target_coverage'],
    ['no coverage', { policy: { targetCoverage: 0 } }, 'policy.target_coverage'],
    ['no memory at most', { policy: { max: { memoryBytes: 0 } } }, 'policy.max.memory_bytes'],
    ['17 strategies', { policy: { strategies: Array<string>(17).fill('p95') } }, 'policy.strategies'],
    ['a strategy without a name', { policy: { strategies: ['p95', ''] } }, 'policy.strategies[1]'],
    [
      'a minimum above its maximum',
      { policy: { min: { memoryBytes: 2 }, max: { memoryBytes: 1 } } },
      'policy.min',
    ],
    ['an id of 257 bytes', { executionId: name257 }, 'execution_id'],
  ] as const)('with %s is refused by its path', (_, change, path) => {
    const message = { ...query({}), ...query(change) }
    expect(fields((seen) => toQuery(message, 'queries[7]', seen))).toEqual([`queries[7].${path}`])
  })

  test('that is missing is refused once', () => {
    expect(fields((seen) => toQuery(undefined, 'query', seen))).toEqual(['query'])
  })
})

describe('a profile', () => {
  const key = ProfileKey.fromPartial({ task: 'align' })
  const profile = (change: object) =>
    Profile.fromPartial({ key, schemaVersion: 1, revision: 1, ...change } as never)
  const read = (change: object) => fields((seen) => toProfile(profile(change), '', seen))

  test('newer than this program is refused loudly', () => {
    const attempt = () => inspect((seen) => toProfile(profile({ schemaVersion: 2 }), '', seen))
    expect(attempt).toThrow(ForesizeError)
    expect(attempt).toThrow(/schema version 2/)
  })

  const sketch = { relativeAccuracy: 0.01, zeroWeight: 0, offset: 0, weights: [1] }
  const statistics = (change: object) => ({
    statistics: [DimensionStatistics.fromPartial({ dimension: 2, sketch, ...change } as never)],
  })

  test.each([
    ['no key', { key: undefined }, 'key'],
    ['a time that is NaN', { firstSeenUnixMs: NaN }, 'first_seen_unix_ms'],
    ['an unknown outcome', { outcomes: [{ outcome: 99 as 1, count: 1 }] }, 'outcomes[0].outcome'],
    ['a negative count', { outcomes: [{ outcome: 1, count: -1 }] }, 'outcomes[0].count'],
    ['a mean that is NaN', statistics({ mean: NaN }), 'statistics[0].mean'],
    ['no dimension', statistics({ dimension: 0 }), 'statistics[0].dimension'],
    ['no sketch', statistics({ sketch: undefined }), 'statistics[0].sketch'],
    [
      'a sketch of no accuracy',
      statistics({ sketch: { ...sketch, relativeAccuracy: 0 } }),
      'statistics[0].sketch.relative_accuracy',
    ],
    [
      'a sketch with a weight that is NaN',
      statistics({ sketch: { ...sketch, weights: [1, NaN] } }),
      'statistics[0].sketch.weights[1]',
    ],
    [
      'a sketch with a negative weight of zeros',
      statistics({ sketch: { ...sketch, zeroWeight: -1 } }),
      'statistics[0].sketch.zero_weight',
    ],
    [
      'a sketch of 1025 buckets',
      statistics({ sketch: { ...sketch, weights: Array<number>(1025).fill(1) } }),
      'statistics[0].sketch.weights',
    ],
    [
      'a bad execution',
      { executions: [{ executionId: '', task, outcome: 1 }] },
      'executions[0].execution_id',
    ],
    [
      'too many executions',
      {
        executions: Array.from({ length: 97 }, (_, i) => ({
          executionId: `e${i}`,
          task,
          outcome: 1 as const,
        })),
      },
      'executions',
    ],
    [
      'too many running',
      { running: Array.from({ length: 65 }, (_, i) => ({ executionId: `e${i}` })) },
      'running',
    ],
    ['too many fingerprints', { folded: Array<number>(4097).fill(1) }, 'folded'],
    ['a fingerprint that is NaN', { folded: [1, NaN] }, 'folded[1]'],
    [
      'a coverage that is NaN',
      { accuracy: [{ strategy: 'p95', dimension: 2 as const, coverage: NaN }] },
      'accuracy[0].coverage',
    ],
    [
      'too many scores',
      { accuracy: Array.from({ length: 257 }, () => ({ strategy: 'p95', dimension: 2 as const })) },
      'accuracy',
    ],
  ] as const)('with %s is refused by its path', (_, change, path) => {
    expect(read(change)).toEqual([path])
  })

  test('of a namespace needs no task, of a task it does', () => {
    const keyFields = (kind: 0 | 1 | 2 | 3) =>
      fields((seen) => toProfileKey(ProfileKey.fromPartial({ kind }), 'key', seen))
    expect([keyFields(0), keyFields(1), keyFields(2), keyFields(3)]).toEqual([
      ['key.task'],
      ['key.task'],
      ['key.task'],
      [],
    ])
  })
})

test('inspect throws one error that names every fault, for the status table', () => {
  const attempt = () =>
    inspect((seen) => toExecutionStart(start({ executionId: '', weight: -1 }), 'start', seen))
  expect(attempt).toThrow(
    expect.objectContaining({
      failure: 'invalid',
      message: 'start.execution_id: is required; start.weight: must be from 1 to 1000000, was -1',
      violations: [
        { field: 'start.execution_id', description: 'is required' },
        { field: 'start.weight', description: 'must be from 1 to 1000000, was -1' },
      ],
    }),
  )
})
