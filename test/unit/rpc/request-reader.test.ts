import type { DescMessage } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { contractRegistry } from '../../../shared/rpc/contract.ts'
import { requestReader } from '../../../shared/rpc/request-reader.ts'
import { EstimateRequest } from '../../../shared/wire/gen/foresize/v1/estimator_service.ts'
import {
  StreamUsageRequest,
  UpdateProfileRequest,
} from '../../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { limits } from '../../../shared/wire/limits.ts'
import { messagePieces, pieceBytes } from '../../../shared/wire/message-pieces.ts'

const types = { UpdateProfileRequest, StreamUsageRequest, EstimateRequest }
const descriptorOf = (name: keyof typeof types) =>
  contractRegistry().getMessage(`foresize.v1.${name}`) as DescMessage

const text = fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom('constructor', 'toString', 'ß\ufffd'))
const features = fc.dictionary(text, fc.double(), { noNullPrototype: true })
const labels = fc.dictionary(text, text, { noNullPrototype: true })
const resources = fc.record({ memoryBytes: fc.double(), cpuCores: fc.double() }, { requiredKeys: [] })
const start = fc.record({
  executionId: text,
  task: fc.record({ namespace: text, task: text }),
  attempt: fc.nat(3),
  features,
  labels,
  requested: resources,
  estimateToken: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
})
const numbers: fc.Arbitrary<readonly number[]> = fc.array(fc.nat(1000))
const samples = fc.record({ executionId: text, elapsedDeltaMs: numbers, memoryBytes: numbers })

const many = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<readonly T[]> =>
  fc.tuple(of, of, of).map((few) => Array.from({ length: 1000 }, (_, i) => few[i % 3] as T))

/** Beyond so many bytes one is cut, since no entry in it is as large as a piece. */
const leastBytes = 2 * pieceBytes

const requests: { readonly [Name in keyof typeof types]: fc.Arbitrary<Uint8Array> } = {
  UpdateProfileRequest: many(start).map((executions) =>
    UpdateProfileRequest.encode(UpdateProfileRequest.fromPartial({ executions })).finish(),
  ),
  StreamUsageRequest: fc.tuple(fc.nat(9), many(start), many(samples)).map(([sequence, starts, sampled]) =>
    StreamUsageRequest.encode(
      StreamUsageRequest.fromPartial({
        message: { $case: 'batch', value: { sequence, starts, samples: sampled } },
      }),
    ).finish(),
  ),
  EstimateRequest: fc.tuple(labels, text).map(([more, executionId]) => {
    const long = Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`label ${i}`, 'x'.repeat(80)]))
    const query = { task: { task: 't' }, labels: { ...long, ...more }, executionId, attempt: 2 }
    return EstimateRequest.encode(EstimateRequest.fromPartial({ query })).finish()
  }),
}

test.each(Object.keys(types) as (keyof typeof types)[])(
  'a %s that is read in pieces is the same as one that is read at once',
  async (name) => {
    const read = requestReader(descriptorOf(name), (bytes) => types[name].decode(bytes))
    await fc.assert(
      fc.asyncProperty(
        requests[name].filter(({ length }) => length > leastBytes),
        async (bytes) => {
          expect([...messagePieces(bytes, descriptorOf(name))].length).toBeGreaterThan(1)
          expect(await read(Buffer.from(bytes))).toStrictEqual(types[name].decode(bytes))
        },
      ),
      { numRuns: 8 },
    )
  },
)

test('no piece is larger than it should be, but an entry that is so by itself', () => {
  const executions: readonly { readonly executionId: string }[] = Array.from({ length: 200 }, (_, i) => ({
    executionId: i === 100 ? 'x'.repeat(2 * pieceBytes) : 'x'.repeat(2000),
  }))
  const bytes = UpdateProfileRequest.encode(UpdateProfileRequest.fromPartial({ executions })).finish()
  const sizes = [...messagePieces(bytes, descriptorOf('UpdateProfileRequest'))].map(({ length }) => length)
  expect(sizes.filter((size) => size > pieceBytes + 2010)).toHaveLength(1)
  expect(sizes.length).toBeGreaterThan(10)
})

test('nor does it hold more than a thousand entries, however small they are', () => {
  const bytes = Buffer.alloc(200_000, Buffer.from([0x0a, 0]))
  const sizes = [...messagePieces(bytes, descriptorOf('UpdateProfileRequest'))].map(({ length }) => length)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(2 * 1024)
})

test('a message that is read at once cannot hold more than a message may', () => {
  const { objects, fields, numbers, entry } = limits.message
  for (const most of [objects, fields, entry.fields]) expect(pieceBytes).toBeLessThanOrEqual(2 * most)
  for (const most of [numbers, entry.numbers]) expect(pieceBytes).toBeLessThanOrEqual(most)
})

test.each(['UpdateProfileRequest', 'StreamUsageRequest'] as const)(
  'random bytes are read as a %s or refused as bad input, and never otherwise',
  async (name) => {
    const read = requestReader(descriptorOf(name), (bytes) => types[name].decode(bytes))
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 80_000, size: 'max' }), async (bytes) => {
        try {
          await read(Buffer.from(bytes))
        } catch (error) {
          expect(error).toMatchObject({ failure: 'invalid' })
        }
      }),
      { numRuns: 100 },
    )
  },
)
