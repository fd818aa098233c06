import type { DescMessage } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { atOnce } from '../../../shared/domain/at-once.ts'
import { contractRegistry } from '../../../shared/rpc/contract.ts'
import { EstimateBatchRequest } from '../../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { Profile } from '../../../shared/wire/gen/foresize/v1/profile.ts'
import {
  StreamUsageRequest,
  UpdateProfileRequest,
} from '../../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { readJson } from '../../../shared/wire/json-steps.ts'
import { messageBounds } from '../../../shared/wire/message-bounds.ts'
import { fromProfile } from '../../../shared/wire/profile.ts'
import { generatedProfile } from '../../support/generated-profiles.ts'

const readAtOnce = (json: Uint8Array) => atOnce(readJson(json))

const registry = contractRegistry()
const check = (type: string, bytes: Uint8Array) =>
  messageBounds(registry.getMessage(`foresize.v1.${type}`) as DescMessage)()(bytes)

const many = <T>(count: number, one: (i: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, i) => one(i))
const named = <T>(count: number, value: T) => Object.fromEntries(many(count, (i) => [`name ${i}`, value]))

const task = { namespace: 'n', task: 't' }
const resources = { cpuCores: 1, memoryBytes: 1, diskBytes: 1, gpuMemoryBytes: 1, durationMs: 1 }
const given = { features: named(32, 1), labels: named(32, 'v'), task, attempt: 1, requested: resources }
const measured = { treeMemoryBytes: 1, chargedMemoryBytes: 1, throttledMs: 1, overheadMemoryBytes: 1 }
const finished = { outcome: 1, used: resources, source: 1, measured } as const

const updates = UpdateProfileRequest.fromPartial({
  executions: many(1000, (i) => ({
    ...{ executionId: `${i}`, ...given, ...finished, allocated: resources },
    ...{ weight: 1, endedAtUnixMs: 1, estimateToken: Buffer.from('x') },
  })),
})
const queries = EstimateBatchRequest.fromPartial({
  queries: many(1000, (i) => ({
    ...{ executionId: `${i}`, ...given, previousAllocation: resources, previousOutcome: 1 },
    policy: {
      ...{ risk: 1, targetCoverage: 0.5, strategies: many(16, (k) => `${k}`) },
      ...{ min: resources, max: resources, overhead: resources },
    },
  })),
})
const batch = StreamUsageRequest.fromPartial({
  message: {
    $case: 'batch',
    value: {
      sequence: 1,
      starts: many(1000, (i) => ({
        ...{ executionId: `${i}`, ...given, allocated: resources, weight: 1, leaseMs: 1 },
        estimateToken: Buffer.from('x'),
      })),
      samples: many(1000, (i) => ({
        ...{ executionId: `${i}`, elapsedDeltaMs: many(100, () => 1), cpuCores: many(100, () => 1) },
        ...{ memoryBytes: many(100, () => 1), diskBytes: many(100, () => 1) },
        gpuMemoryBytes: many(100, () => 1),
      })),
      ends: many(1000, (i) => ({ executionId: `${i}`, ...finished })),
    },
  },
})

test('whatever the contract allows is within the bounds, as full as it may be', () => {
  check('UpdateProfileRequest', UpdateProfileRequest.encode(updates).finish())
  check('EstimateBatchRequest', EstimateBatchRequest.encode(queries).finish())
  check('StreamUsageRequest', StreamUsageRequest.encode(batch).finish())
  readAtOnce(Buffer.from(JSON.stringify(UpdateProfileRequest.toJSON(updates))))
  readAtOnce(Buffer.from(JSON.stringify(EstimateBatchRequest.toJSON(queries))))
})

test('every profile is within the bounds, in both of its forms', () => {
  for (let seed = 0; seed < 30; seed++) {
    const message = fromProfile(generatedProfile(seed))
    check('Profile', Profile.encode(message).finish())
    readAtOnce(Buffer.from(JSON.stringify(Profile.toJSON(message))))
  }
})

/** A field of length so often, each with this content. */
function repeated(count: number, number: number, content: Uint8Array = new Uint8Array()): Buffer {
  const one = Buffer.concat([Buffer.from([(number << 3) | 2]), varint(content.length), content])
  return Buffer.alloc(one.length * count, one)
}

function varint(value: number): Buffer {
  return value < 128
    ? Buffer.from([value])
    : Buffer.concat([Buffer.from([(value & 127) | 128]), varint(value >>> 7)])
}

const within = (number: number, content: Uint8Array) => repeated(1, number, content)
const entry = Buffer.from([0x0a, 1, 0x61])

test.each<readonly [violation: string, type: string, bytes: Buffer]>([
  ['executions: the message has more than 16,384 objects', 'UpdateProfileRequest', repeated(16_385, 1)],
  ['queries: the message has more than 16,384 objects', 'EstimateBatchRequest', repeated(20_000, 1)],
  [
    'queries.task: the message has more than 16,384 objects',
    'EstimateBatchRequest',
    within(1, repeated(20_000, 1)),
  ],
  [
    'batch.ends: the message has more than 16,384 objects',
    'StreamUsageRequest',
    within(2, repeated(20_000, 4)),
  ],
  [
    'executions.features: the message has more than 262,144 fields',
    'UpdateProfileRequest',
    within(1, repeated(200_000, 4, entry)),
  ],
  [
    'executions: an entry has more than 16,384 fields',
    'UpdateProfileRequest',
    within(1, repeated(9000, 4, entry)),
  ],
  [
    'batch.samples: an entry has more than 65,536 numbers',
    'StreamUsageRequest',
    within(2, within(3, within(2, Buffer.alloc(70_000, 1)))),
  ],
  [
    'batch.samples: an entry has more than 65,536 numbers',
    'StreamUsageRequest',
    within(2, within(3, Buffer.alloc(140_000, Buffer.from([0x10, 1])))),
  ],
  [
    'query.policy.strategies: the message has more than 262,144 fields',
    'EstimateRequest',
    within(1, within(8, repeated(300_000, 3))),
  ],
  ['namespaces: the message has more than 262,144 fields', 'WatchProfilesRequest', repeated(300_000, 1)],
  [
    'the message has more than 262,144 fields',
    'GetProfileRequest',
    Buffer.alloc(600_000, Buffer.from([0x78, 1])),
  ],
  [
    'batch.samples.elapsed_delta_ms: the message has more than 1,048,576 numbers',
    'StreamUsageRequest',
    within(2, within(3, within(2, Buffer.alloc(1_100_000, 1)))),
  ],
  [
    'statistics.sketch.weights: the message has more than 1,048,576 numbers',
    'Profile',
    within(7, within(7, within(4, Buffer.alloc(9_000_000, 1)))),
  ],
])('%s', (violation, type, bytes) => {
  expect(() => check(type, bytes)).toThrow(violation)
})

test('what decoders read differently is refused: groups, lengths beyond what holds them, bytes that are missing', () => {
  const cases = [
    [0x00, 0],
    [0x05, 0, 0, 0, 0],
    [0x0b],
    [0x0c],
    [0x0f],
    [0x08],
    [0x09, 1],
    [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
    [0x0a, 2, 0x0a, 5, 0, 0],
    [0x08, ...many(10, () => 0x80)],
  ]
  for (const bytes of cases) {
    expect(() => check('UpdateProfileRequest', Buffer.from(bytes)), `${bytes}`).toThrow(/not well formed/)
  }
})

test('random bytes pass or are refused as bad input, and never otherwise', () => {
  const anyBytes = fc.uint8Array({ minLength: 17_000, maxLength: 20_000 })
  fc.assert(
    fc.property(
      anyBytes,
      fc.constantFrom('UpdateProfileRequest', 'StreamUsageRequest', 'Profile'),
      (bytes, type) => {
        try {
          check(type, bytes)
        } catch (error) {
          expect(error).toMatchObject({ failure: 'invalid' })
        }
      },
    ),
    { numRuns: 50 },
  )
})

test('JSON of a text that is longer than any may be is refused', () => {
  readAtOnce(Buffer.from(JSON.stringify({ a: 'x'.repeat(4096) })))
  expect(() => readAtOnce(Buffer.from(JSON.stringify({ ['x'.repeat(4097)]: 1 })))).toThrow(
    'the JSON has a text of more than 4,096 bytes',
  )
})

test.each([
  ['objects', `[${'{},'.repeat(20_000)}{}]`],
  ['objects', '['.repeat(20_000)],
  ['fields', `[${'1,'.repeat(300_000)}1]`],
])('JSON of too many %s is refused, and what stands in its strings is not counted', (what, json) => {
  expect(() => readAtOnce(Buffer.from(json))).toThrow(`the JSON has more than`)
  expect(() => readAtOnce(Buffer.from(json))).toThrow(what)
  for (const inside of ['{[,'.repeat(1000), `\\" ${'{[,'.repeat(1000)} \\\\`])
    readAtOnce(Buffer.from(`[${`{"a":"${inside}"},`.repeat(1000)}1]`))
})

test('a message in pieces is held to its bounds, however small the pieces are', () => {
  const bounds = messageBounds(registry.getMessage('foresize.v1.UpdateProfileRequest') as DescMessage)()
  const piece = Buffer.alloc(2048, Buffer.from([0x0a, 0]))
  expect(() => {
    for (let i = 0; i < 64; i++) bounds(piece)
  }).toThrow('executions: the message has more than 16,384 objects')
})
