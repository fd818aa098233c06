import type { DescMessage } from '@bufbuild/protobuf'
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { contractRegistry } from '../../../shared/rpc/contract.ts'
import { requestReader } from '../../../shared/rpc/request-reader.ts'
import { ExecutionEnd, ExecutionStart, UsageSamples } from '../../../shared/wire/gen/foresize/v1/execution.ts'
import { StreamUsageRequest } from '../../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { readStreamUsage } from '../../../shared/wire/usage-reader.ts'

const text = fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom('', '漢字', '🙂'.repeat(40)))
const amount = fc.double()
const resources = fc.record(
  {
    cpuCores: amount,
    memoryBytes: amount,
    diskBytes: amount,
    gpuMemoryBytes: amount,
    durationMs: amount,
  },
  { requiredKeys: [] },
)
const measured = fc.record(
  { treeMemoryBytes: amount, chargedMemoryBytes: amount, throttledMs: amount, overheadMemoryBytes: amount },
  { requiredKeys: [] },
)
const list = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<readonly T[]> => fc.array(of, { maxLength: 30 })
const wholes = list(fc.integer({ min: 0, max: 2 ** 32 - 1 }))
const doubles = list(fc.double())
const anySamples = fc.record({
  executionId: text,
  elapsedDeltaMs: wholes,
  cpuCores: doubles,
  memoryBytes: doubles,
  diskBytes: doubles,
  gpuMemoryBytes: doubles,
})
const anyStart = fc.record(
  {
    executionId: text,
    task: fc.record({ namespace: text, task: text }),
    attempt: fc.nat(),
    features: fc.dictionary(text, amount),
    labels: fc.dictionary(text, text),
    requested: resources,
    allocated: resources,
    estimateToken: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    weight: amount,
    leaseMs: fc.nat(),
  },
  { requiredKeys: ['executionId'] },
)
const anyEnd = fc.record(
  {
    executionId: text,
    outcome: fc.constantFrom(0, 1, 2, 7),
    used: resources,
    source: fc.constantFrom(0, 1, 4),
    measured,
  },
  { requiredKeys: ['executionId'] },
)
const anyBatch = fc.record({
  sequence: fc.nat(),
  starts: list(anyStart),
  samples: list(anySamples),
  ends: list(anyEnd),
})
type Message = NonNullable<StreamUsageRequest['message']>
const anyMessage: fc.Arbitrary<Message | undefined> = fc.oneof(
  anyBatch.map((value): Message => {
    const request = StreamUsageRequest.fromPartial({ message: { $case: 'batch', value } })
    return request.message as Message
  }),
  fc.record({ sessionId: text, client: text }).map((value): Message => ({ $case: 'open', value })),
  fc.constant(undefined),
)

/** Fields of later releases. */
const withUnknown = (bytes: Uint8Array) =>
  new BinaryWriter()
    .uint32((900 << 3) | 2)
    .string('unknown')
    .raw(bytes)
    .uint32((901 << 3) | 1)
    .double(1)
    .finish()

test('a request is what the generated decoder makes of it, fields of later releases or not', () => {
  fc.assert(
    fc.property(anyMessage, fc.boolean(), (message, isLater) => {
      const plain = StreamUsageRequest.encode({ message }).finish()
      const bytes = isLater ? withUnknown(plain) : plain
      expect(readStreamUsage(bytes)).toStrictEqual(StreamUsageRequest.decode(bytes))
    }),
  )
})

const inBatch = (event: Uint8Array, tag = 0x1a) => {
  const batch = new BinaryWriter().uint32(tag).bytes(event).finish()
  return new BinaryWriter().uint32(0x12).bytes(batch).finish()
}

test.each<readonly [what: string, tag: number, event: fc.Arbitrary<Uint8Array>]>([
  [
    'a start',
    0x12,
    anyStart.map((start) => ExecutionStart.encode(ExecutionStart.fromPartial(start)).finish()),
  ],
  ['an end', 0x22, anyEnd.map((end) => ExecutionEnd.encode(ExecutionEnd.fromPartial(end)).finish())],
])(
  '%s whose fields come more than once, or are of a later release, is read as the generated decoder does',
  (_, tag, event) => {
    const part = fc.oneof(event, fc.constant(withUnknown(new Uint8Array())))
    fc.assert(
      fc.property(fc.array(part, { maxLength: 4 }), (parts) => {
        const bytes = Buffer.from(inBatch(Buffer.concat(parts), tag))
        expect(readStreamUsage(bytes)).toStrictEqual(StreamUsageRequest.decode(bytes))
      }),
    )
  },
)

test('so is one whose lists come in parts, or number by number', () => {
  const part = fc.oneof(
    anySamples.map((samples) => UsageSamples.encode(samples).finish()),
    fc.double().map((value) => new BinaryWriter().uint32(0x19).double(value).finish()),
    fc.nat().map((value) => new BinaryWriter().uint32(0x10).uint32(value).finish()),
    fc.constant(withUnknown(new Uint8Array())),
  )
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      const bytes = inBatch(Buffer.concat(parts))
      expect(readStreamUsage(bytes)).toStrictEqual(StreamUsageRequest.decode(bytes))
    }),
  )
})

test('lists in very many parts are read in a time that grows as their length', () => {
  const inParts = (count: number) =>
    inBatch(
      Buffer.concat([
        new BinaryWriter().uint32(0x12).bytes(new Uint8Array(count)).finish(),
        Buffer.alloc(2 * count, Uint8Array.of(0x12, 0)),
        Buffer.alloc(3 * count, Uint8Array.of(0x12, 1, 5)),
      ]),
    )
  const usedMs = () => {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1000
  }
  const cpuMs = (bytes: Uint8Array) => {
    const before = usedMs()
    readStreamUsage(bytes)
    return usedMs() - before
  }
  const [short, long] = [inParts(2000), inParts(16_000)]
  cpuMs(short)
  expect(cpuMs(long)).toBeLessThan(20 * cpuMs(short) + 100)
})

const descriptor = contractRegistry().getMessage('foresize.v1.StreamUsageRequest') as DescMessage
const read = requestReader(descriptor, readStreamUsage)

test('one that is cut off anywhere is refused', async () => {
  const samples = {
    elapsedDeltaMs: [1, 300],
    cpuCores: [1, 2],
    memoryBytes: [3, 4],
    diskBytes: [],
    gpuMemoryBytes: [],
  }
  const bytes = Buffer.from(inBatch(UsageSamples.encode({ executionId: 'e', ...samples }).finish()))
  for (let length = 1; length < bytes.length; length++)
    expect(() => read(bytes.subarray(0, length)), String(length)).toThrow('is not well formed')
  expect(() => read(Buffer.from(inBatch(Uint8Array.of(0x1a, 3, 0, 0, 0))))).toThrow(
    'batch.samples.cpu_cores: is not well formed',
  )
  expect(() => read(Buffer.from(inBatch(Uint8Array.of(0x12, 2, 1, 0x80))))).toThrow('is not well formed')
})

const emptyField = [0x0a, 0]
test.each<readonly [what: string, bytes: Uint8Array]>([
  ['a field of number 0', Uint8Array.of(0, 5)],
  ['one in a batch', Uint8Array.of(0x12, 2, 0, 5)],
  ['one in samples', inBatch(Uint8Array.of(...emptyField, 0, 5))],
  ['one in an end', Uint8Array.of(0x12, 6, 0x22, 4, ...emptyField, 0, 5)],
  ['a group that ends and never began', inBatch(Uint8Array.of(...emptyField, 0x0c))],
  ['samples beyond their batch', Uint8Array.of(0x12, 2, 0x1a, 2, ...emptyField)],
  ['a text beyond its samples', Uint8Array.of(0x12, 6, 0x1a, 2, 0x0a, 2, 0x20, 0x20)],
  ['a list beyond its samples', Uint8Array.of(0x12, 6, 0x1a, 2, 0x12, 2, 1, 1)],
  ['a task beyond its start', Uint8Array.of(0x12, 7, 0x12, 5, ...emptyField, 0x12, 2, 0x0a)],
  ['a feature that ends within its number', Uint8Array.of(0x12, 6, 0x12, 4, 0x22, 2, 0x11, 0)],
  ['a label that ends within its text', Uint8Array.of(0x12, 8, 0x12, 6, 0x2a, 2, 0x12, 2, 0x20, 0x20)],
  ['a number beyond what was allocated', Uint8Array.of(0x12, 6, 0x12, 4, 0x3a, 2, 0x11, 0)],
  ['a text beyond its end', Uint8Array.of(0x12, 6, 0x22, 2, 0x0a, 2, 0x20, 0x20)],
])('%s is refused', (_, bytes) => {
  expect(() => read(Buffer.from(bytes))).toThrow('is not well formed')
})

test('random bytes are read or refused as bad input, and never otherwise', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 2000, size: 'max' }), async (random) => {
      for (const bytes of [random, inBatch(random)]) {
        try {
          await read(Buffer.from(bytes))
        } catch (error) {
          expect(error).toMatchObject({ failure: 'invalid' })
        }
      }
    }),
  )
})
