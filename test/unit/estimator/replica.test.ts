import { Readable } from 'node:stream'
import type { ClientReadableStream } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import type { WatchMessage } from '../../../services/estimator/profile-bytes.ts'
import { type ProfileSource, startReplica } from '../../../services/estimator/replica.ts'
import { profileId } from '../../../shared/domain/profile.ts'
import type { Clock } from '../../../shared/runtime/clock.ts'
import { heldBytes } from '../../../shared/runtime/held-bytes.ts'
import { createLog } from '../../../shared/runtime/log.ts'

const settings = {
  maxProfiles: 10,
  maxBytes: 1e6,
  maxMissing: 10,
  maxNamesCompared: 10,
  maxFetches: 2,
  fetchDeadlineMs: 100,
  backoffMinMs: 100,
  backoffMaxMs: 1000,
}

const log = createLog('test', 'silent')
const held = heldBytes({ maxHeldBytes: 1e6, maxHeldShare: 1 })
const idOf = (task: string) => profileId({ namespace: 'default', kind: 'task', task })
const caughtUp: WatchMessage = { cursor: '1', change: { kind: 'caught-up' } }

/** What a stream says before it breaks. */
function brokenStream(messages: readonly WatchMessage[]): ClientReadableStream<WatchMessage> {
  async function* speak() {
    yield* messages
    throw new Error('broken')
  }
  return Object.assign(Readable.from(speak()), {
    cancel() {},
  }) as unknown as ClientReadableStream<WatchMessage>
}

/** A clock whose sleeps end at once, until `patience` of them were slept. */
function impatientClock(patience: number) {
  const slept: number[] = []
  const exhausted = Promise.withResolvers<void>()
  let nowMs = 0
  const clock: Clock = {
    nowUnixMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep(ms, signal) {
      slept.push(ms)
      nowMs += ms
      if (slept.length < patience) return Promise.resolve()
      exhausted.resolve()
      return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
    },
  }
  return { clock, slept, exhausted: exhausted.promise }
}

const idle = { run: <T>(call: () => Promise<T>) => call(), reached() {}, opened: false }

test('waits longer after each failure, up to a limit, at random, and starts short again once it was heard', async () => {
  const { clock, slept, exhausted } = impatientClock(8)
  let streams = 0
  const source: ProfileSource = {
    watch: () => brokenStream(streams++ === 5 ? [caughtUp] : []),
    get: () => Promise.reject(new Error('not asked')),
  }
  const drawn = [0, 0.5, 0.999, 0, 0, 0, 0, 0]
  const replica = startReplica(settings, {
    source,
    breaker: idle,
    clock,
    held,
    random: () => drawn[slept.length] ?? 0,
    log,
  })

  await exhausted
  await replica.close()

  expect(slept).toEqual([50, 150, expect.closeTo(400, 0), 400, 500, 50, 100, 200])
})

test('is as stale as the last time that it was whole', async () => {
  const { clock, exhausted } = impatientClock(3)
  let streams = 0
  const source: ProfileSource = {
    watch: () => brokenStream(streams++ === 0 ? [caughtUp] : []),
    get: () => Promise.reject(new Error('not asked')),
  }
  const replica = startReplica(settings, { source, breaker: idle, clock, held, random: () => 0, log })

  await exhausted
  expect(replica.stalenessMs()).toBe(50 + 100 + 200)
  expect(replica.lookup(idOf('never/seen'))).toBe('unknown')
  await replica.close()
})

test('asks for a profile once, however many wait for it, and for no more than it may at once', async () => {
  const { clock, exhausted } = impatientClock(1)
  const asked: string[] = []
  const answer = Promise.withResolvers<never>()
  const source: ProfileSource = {
    watch: () => brokenStream([]),
    get({ task }) {
      asked.push(task)
      return answer.promise
    },
  }
  const replica = startReplica(settings, { source, breaker: idle, clock, held, random: () => 0, log })
  await exhausted

  const waiting = ['a', 'a', 'b', 'c'].map((task) => replica.fetch(idOf(task)))
  expect(await waiting[3]).toBe('not-held')
  answer.reject(new Error('no answer'))

  expect(await Promise.all(waiting)).toEqual(['not-held', 'not-held', 'not-held', 'not-held'])
  expect(asked).toEqual(['a', 'b'])
  await replica.close()
})

test('what is asked for counts until it is there: without room for it the answer is a fallback', async () => {
  const { clock, exhausted } = impatientClock(2)
  const answer = Promise.withResolvers<never>()
  const source: ProfileSource = { watch: () => brokenStream([]), get: () => answer.promise }
  const little = heldBytes({ maxHeldBytes: 100_000, maxHeldShare: 1 })
  const replica = startReplica(settings, { source, breaker: idle, clock, held: little, random: () => 0, log })
  await exhausted

  const waiting = ['a', 'b'].map((task) => replica.fetch(idOf(task)))
  expect(await waiting[1]).toBe('not-held')
  expect(little.held()).toBeGreaterThan(0)
  answer.reject(new Error('no answer'))
  await Promise.all(waiting)
  expect(little.held()).toBe(0)
  await replica.close()
})
