import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { status } from '@grpc/grpc-js'
import { afterEach, describe, expect, test } from 'vitest'
import { ForesizeError } from '../../../shared/domain/errors.ts'
import { call, statusOf } from '../../../shared/rpc/client.ts'
import type { RpcServer } from '../../../shared/rpc/server.ts'
import {
  GetProfileRequest,
  GetProfileResponse,
  type ImportProfilesRequest,
  ImportProfilesResponse,
  StreamUsageRequest,
  type StreamUsageResponse,
  WatchProfilesRequest,
  type WatchProfilesResponse,
} from '../../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { quietHandlers, rpcFixture } from '../../support/profiler-fixture.ts'

const { unary, serverStream, clientStream, bidi } = quietHandlers

let closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing) await close()
  closing = []
})

async function serve(implementation: Parameters<typeof rpcFixture>[0]) {
  const fixture = await rpcFixture(implementation)
  closing.push(fixture.close)
  return fixture.client
}

const padding = 'x'.repeat(64 * 1024)
const caughtUp = (cursor: string): WatchProfilesResponse => ({
  cursor,
  change: { $case: 'caughtUp', value: {} },
})
const getProfile = (client: Awaited<ReturnType<typeof serve>>) =>
  call(client.getProfile.bind(client), GetProfileRequest.fromPartial({}), 10_000)

/** Long enough for everything that flows to have flowed: the count stands still. */
async function settled(count: () => number): Promise<number> {
  for (let before = -1; ; await delay(150)) {
    if (count() === before) return before
    before = count()
  }
}

describe('unary', () => {
  test.each([
    ['at once', () => GetProfileResponse.fromPartial({ profile: { revision: 7 } })],
    ['later', async () => GetProfileResponse.fromPartial({ profile: { revision: 7 } })],
  ])('answers %s', async (_, handle) => {
    const client = await serve({ getProfile: unary(handle) })
    expect((await getProfile(client)).profile?.revision).toBe(7)
  })

  test.each([
    [
      'thrown',
      () => {
        throw new ForesizeError('not-found', 'no such profile')
      },
    ],
    [
      'rejected',
      async () => {
        throw new ForesizeError('not-found', 'no such profile')
      },
    ],
  ])('an error that is %s has its status', async (_, handle) => {
    const client = await serve({ getProfile: unary<GetProfileRequest, GetProfileResponse>(handle) })
    await expect(getProfile(client)).rejects.toMatchObject({
      code: status.NOT_FOUND,
      details: 'no such profile',
    })
  })

  test('its signal is aborted when the caller has gone', async () => {
    const aborted = Promise.withResolvers<void>()
    const entered = Promise.withResolvers<void>()
    const client = await serve({
      getProfile: unary(async (_, { signal }) => {
        signal.addEventListener('abort', () => aborted.resolve())
        entered.resolve()
        await aborted.promise
        return GetProfileResponse.fromPartial({})
      }),
    })
    const request = client.getProfile(GetProfileRequest.fromPartial({}), () => {})
    await entered.promise
    request.cancel()
    await aborted.promise
  })
})

describe('server stream', () => {
  test('reads no further in its source than the caller reads, and loses nothing', async () => {
    const total = 400
    let made = 0
    const client = await serve({
      watchProfiles: serverStream(async function* () {
        for (; made < total; made++) yield caughtUp(`${made} ${padding}`)
      }),
    })
    const seen: number[] = []
    let stalled = 0
    for await (const response of client.watchProfiles(WatchProfilesRequest.fromPartial({}))) {
      if (seen.length === 1) stalled = await settled(() => made)
      seen.push(Number.parseInt((response as WatchProfilesResponse).cursor, 10))
    }
    expect(stalled).toBeGreaterThan(0)
    expect(stalled).toBeLessThan(total / 2)
    expect(seen).toEqual(Array.from({ length: total }, (_, index) => index))
  })

  test('its source is closed when the caller has gone', async () => {
    const closed = Promise.withResolvers<void>()
    const client = await serve({
      watchProfiles: serverStream(async function* (_, { signal }) {
        try {
          yield caughtUp('1')
          await once(signal, 'abort')
          yield caughtUp('2')
        } finally {
          closed.resolve()
        }
      }),
    })
    const stream = client.watchProfiles(WatchProfilesRequest.fromPartial({}))
    stream.on('error', () => {})
    await once(stream, 'data')
    stream.cancel()
    await closed.promise
  })

  test('what was sent before an error arrives, then its status', async () => {
    const client = await serve({
      watchProfiles: serverStream(async function* () {
        yield caughtUp('1')
        throw new ForesizeError('unavailable', 'the store has gone')
      }),
    })
    const seen: string[] = []
    const read = async () => {
      for await (const response of client.watchProfiles(WatchProfilesRequest.fromPartial({}))) {
        seen.push((response as WatchProfilesResponse).cursor)
      }
    }
    await expect(read()).rejects.toMatchObject({ code: status.UNAVAILABLE, details: 'the store has gone' })
    expect(seen).toEqual(['1'])
  })
})

/** Writes as fast as it may; tells how many the transport has taken. */
function flood<T>(stream: { write(message: T, done: () => void): boolean }, messages: readonly T[]) {
  let flushed = 0
  for (const message of messages) stream.write(message, () => flushed++)
  return () => flushed
}

describe('client stream', () => {
  const piece = (): ImportProfilesRequest => ({ message: { $case: 'data', value: Buffer.from(padding) } })

  test('the next message is read only when the handler asks for it', async () => {
    const total = 400
    const release = Promise.withResolvers<void>()
    let taken = 0
    const client = await serve({
      importProfiles: clientStream(async (requests: AsyncIterable<ImportProfilesRequest>) => {
        for await (const _ of requests) {
          taken++
          await release.promise
        }
        return ImportProfilesResponse.fromPartial({ created: taken })
      }),
    })
    const done = Promise.withResolvers<ImportProfilesResponse>()
    const stream = client.importProfiles((error, response) =>
      error ? done.reject(error) : done.resolve(response),
    )
    const flushed = flood(stream, Array.from({ length: total }, piece))
    stream.end()
    const stalled = await settled(flushed)
    expect(taken).toBe(1)
    expect(stalled).toBeLessThan(total / 2)
    release.resolve()
    expect((await done.promise).created).toBe(total)
  })

  test('a handler that throws in the middle is answered with its status', async () => {
    const client = await serve({
      importProfiles: clientStream(async (requests: AsyncIterable<ImportProfilesRequest>) => {
        for await (const _ of requests) throw new ForesizeError('invalid', 'header: is required')
        return ImportProfilesResponse.fromPartial({})
      }),
    })
    const done = Promise.withResolvers<ImportProfilesResponse>()
    const stream = client.importProfiles((error, response) =>
      error ? done.reject(error) : done.resolve(response),
    )
    stream.write(piece())
    await expect(done.promise).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: 'header: is required',
    })
  })
})

describe('bidi', () => {
  const open = (sessionId: string): StreamUsageRequest =>
    StreamUsageRequest.fromPartial({ message: { $case: 'open', value: { sessionId } } })
  const acknowledge = (durableSequence: number): StreamUsageResponse => ({
    message: { $case: 'acknowledgement', value: { durableSequence } },
  })
  const sequenceOf = ({ message }: StreamUsageResponse) =>
    message?.$case === 'acknowledgement' ? message.value.durableSequence : -1

  test('answers as it reads, and ends when the handler does', async () => {
    const client = await serve({
      streamUsage: bidi<StreamUsageRequest, StreamUsageResponse>(async (requests, send) => {
        let count = 0
        for await (const _ of requests) await send(acknowledge(++count))
        await send(acknowledge(100))
      }),
    })
    const stream = client.streamUsage()
    for (const id of ['a', 'b', 'c']) stream.write(open(id))
    stream.end()
    const seen: number[] = []
    for await (const response of stream) seen.push(sequenceOf(response as StreamUsageResponse))
    expect(seen).toEqual([1, 2, 3, 100])
  })

  test('a caller that floods and is not read is held back', async () => {
    const total = 400
    const release = Promise.withResolvers<void>()
    let taken = 0
    const client = await serve({
      streamUsage: bidi<StreamUsageRequest, StreamUsageResponse>(async (requests, send) => {
        for await (const _ of requests) {
          taken++
          await release.promise
        }
        await send(acknowledge(taken))
      }),
    })
    const stream = client.streamUsage()
    const flushed = flood(
      stream,
      Array.from({ length: total }, () => open(padding)),
    )
    stream.end()
    expect(await settled(flushed)).toBeLessThan(total / 2)
    expect(taken).toBe(1)
    release.resolve()
    const [last] = (await once(stream, 'data')) as [StreamUsageResponse]
    expect(sequenceOf(last)).toBe(total)
  })

  test('a send waits while the caller does not read', async () => {
    const total = 400
    let sent = 0
    const client = await serve({
      streamUsage: bidi<StreamUsageRequest, StreamUsageResponse>(async (_requests, send) => {
        for (; sent < total; sent++)
          await send({
            message: { $case: 'rejection', value: { sequence: sent, executionId: padding, violations: [] } },
          })
      }),
    })
    const stream = client.streamUsage()
    stream.on('error', () => {})
    await once(stream, 'data')
    stream.pause()
    expect(await settled(() => sent)).toBeLessThan(total / 2)
    stream.cancel()
  })

  test('a handler that throws while it reads is answered with its status, after what it sent', async () => {
    const client = await serve({
      streamUsage: bidi<StreamUsageRequest, StreamUsageResponse>(async (requests, send) => {
        let count = 0
        for await (const _ of requests) {
          if (++count === 2) throw new ForesizeError('out-of-order', 'sequence 7 follows 1')
          await send(acknowledge(count))
        }
      }),
    })
    const stream = client.streamUsage()
    for (const id of ['a', 'b', 'c']) stream.write(open(id))
    const seen: number[] = []
    const read = async () => {
      for await (const response of stream) seen.push(sequenceOf(response as StreamUsageResponse))
    }
    const error = await read().then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect([statusOf(error), seen]).toEqual([status.FAILED_PRECONDITION, [1]])
  })

  test.each([
    ['cancels', ({ stream }: { readonly stream: { cancel(): void } }) => stream.cancel()],
    ['is cut off', ({ server }: { readonly server: RpcServer }) => server.drain(0)],
  ])('the reading fails, rather than ends, when the caller %s', async (_, leave) => {
    const left = Promise.withResolvers<'ended' | 'failed'>()
    const fixture = await rpcFixture({
      streamUsage: bidi<StreamUsageRequest, StreamUsageResponse>(async (requests, send) => {
        try {
          for await (const _ of requests) await send(acknowledge(1))
          left.resolve('ended')
        } finally {
          left.resolve('failed')
        }
      }),
    })
    closing.push(fixture.close)
    const stream = fixture.client.streamUsage()
    stream.on('error', () => {})
    stream.write(open('a'))
    await once(stream, 'data')
    await leave({ stream, server: fixture.server })
    expect(await left.promise).toBe('failed')
  })

  test('a handler that stops reading ends the call for the caller', async () => {
    const client = await serve({
      streamUsage: bidi<StreamUsageRequest, StreamUsageResponse>(async (requests, send) => {
        for await (const _ of requests) break
        await send(acknowledge(1))
      }),
    })
    const stream = client.streamUsage()
    stream.write(open('a'))
    const seen: number[] = []
    for await (const response of stream) seen.push(sequenceOf(response as StreamUsageResponse))
    expect(seen).toEqual([1])
  })
})
