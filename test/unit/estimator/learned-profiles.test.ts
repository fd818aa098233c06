import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { type Breakers, createBreakers } from '../../../services/estimator/breaker.ts'
import { strategies } from '../../../services/estimator/domain/strategies/index.ts'
import type { Registry } from '../../../services/estimator/domain/strategies/strategy.ts'
import type { HeldProfile } from '../../../services/estimator/held-profiles.ts'
import { learnedProfiles } from '../../../services/estimator/learned-profiles.ts'
import { ForesizeError } from '../../../shared/domain/errors.ts'
import { type Profile, type ProfileKey, profileId } from '../../../shared/domain/profile.ts'
import { createLog } from '../../../shared/runtime/log.ts'
import { linearHistory, profileOf, taskKey } from '../../support/histories.ts'

let breakers: Breakers | undefined

afterEach(() => breakers?.close())

const history = linearHistory(20)

function desk(
  limits: { readonly updateIntervalMs: number; readonly maxModels: number; readonly refitBudgetMs?: number },
  registry: Registry = strategies,
) {
  const settings = { refitBudgetMs: 1e9, ...limits, breakerWindowMs: 60_000, retryMs: 500 }
  const state = { nowMs: 0, reads: 0, readMs: 0 }
  const log = createLog('test', 'silent')
  const monotonicMs = () => state.nowMs
  breakers = createBreakers(
    {
      windowMs: 60_000,
      resetMs: 60_000,
      errorThresholdPercent: 50,
      minTries: 3,
      minTriesUnreliable: 5,
      fitBudgetMs: 1e9,
    },
    { monotonicMs, log },
  )
  const learned = learnedProfiles(settings, { breakers, registry, monotonicMs, log })
  return {
    state,
    learned,
    held: (profile: Profile, version: number): HeldProfile => ({
      version,
      isLarge: false,
      // biome-ignore lint/correctness/useYield: it has one step
      *read() {
        state.reads++
        state.nowMs += state.readMs
        return profile
      },
    }),
    revision(key: ProfileKey, found: Parameters<typeof learned.get>[1]): number | string {
      const answer = learned.get(profileId(key), found)
      return typeof answer === 'string' ? answer : answer.profile.revision
    },
  }
}

test('a profile is learned once, and anew when it changes', () => {
  const { held, revision, state } = desk({ updateIntervalMs: 0, maxModels: 10 })
  const first = held(profileOf(history.slice(0, 5)), 1)

  expect(revision(taskKey, first)).toBe(5)
  expect(revision(taskKey, first)).toBe(5)
  expect(state.reads).toBe(1)
  expect(revision(taskKey, held(profileOf(history), 2))).toBe(20)
})

test('within the interval a change waits', () => {
  const { held, revision, state } = desk({ updateIntervalMs: 1000, maxModels: 10 })
  revision(taskKey, held(profileOf(history.slice(0, 5)), 1))
  const next = held(profileOf(history), 2)

  state.nowMs = 999
  expect(revision(taskKey, next)).toBe(5)
  expect(revision(taskKey, 'not-held')).toBe(5)
  state.nowMs = 1000
  expect(revision(taskKey, 'not-held')).toBe('not-held')
  expect(revision(taskKey, next)).toBe(20)
})

test.each([
  { updateIntervalMs: 1000, answered: [20, 20, 5, 5], afterwards: [20, 20, 20, 20] },
  { updateIntervalMs: 0, answered: [20, 20, 20, 20], afterwards: [20, 20, 20, 20] },
])('many changes at once are learned over several turns of the event loop: %o', async (expected) => {
  const { updateIntervalMs, answered, afterwards } = expected
  const { held, revision, state } = desk({ updateIntervalMs, maxModels: 10, refitBudgetMs: 20 })
  const keys = ['a', 'b', 'c', 'd'].map((task) => ({ ...taskKey, task }))
  for (const [i, key] of keys.entries()) revision(key, held(profileOf(history.slice(0, 5), key), i))
  state.nowMs = 5000
  state.readMs = 10
  const changed = keys.map((key, i) => held(profileOf(history, key), 10 + i))
  const ask = () => keys.map((key, i) => revision(key, changed[i] as HeldProfile))

  expect(ask()).toEqual(answered)
  await nextTurn()
  expect(ask()).toEqual(afterwards)
  expect(state.reads).toBe(8)
})

test('no more models are held than allowed, and what is gone is learned again', () => {
  const { held, revision, state } = desk({ updateIntervalMs: 0, maxModels: 2 })
  const keys = ['a', 'b', 'c'].map((task) => ({ ...taskKey, task }))
  for (const [i, key] of keys.entries()) revision(key, held(profileOf(history.slice(0, 3)), i))

  const again = held(profileOf(history.slice(0, 3)), 0)
  revision(keys[0] as ProfileKey, again)

  expect(state.reads).toBe(4)
})

test('a deleted profile is unknown at once, and one that cannot be read is answered for as unknown', () => {
  const { held, revision } = desk({ updateIntervalMs: 1000, maxModels: 10 })
  revision(taskKey, held(profileOf(history), 1))
  const damaged: HeldProfile = {
    version: 2,
    isLarge: false,
    // biome-ignore lint/correctness/useYield: it has one step
    *read() {
      throw new ForesizeError('unsupported', 'newer than this program')
    },
  }

  expect(revision(taskKey, 'unknown')).toBe('unknown')
  expect(revision(taskKey, damaged)).toBe('unknown')
})

test('a strategy that failed once on a profile is soon tried on it again', () => {
  let moods = 1
  const moody: Registry[string] = {
    describe: 'fails at its first try',
    start() {
      if (moods-- > 0) throw new Error('not today')
      return { observe() {}, predict: () => 1 }
    },
  }
  const { held, learned, state } = desk({ updateIntervalMs: 0, maxModels: 10 }, { ...strategies, moody })
  const found = held(profileOf(history), 1)
  const leftOut = () => {
    const answer = learned.get(profileId(taskKey), found)
    return typeof answer === 'string' ? answer : [...answer.leftOut.keys()]
  }

  expect(leftOut()).toEqual(['moody'])
  state.nowMs = 499
  expect(leftOut()).toEqual(['moody'])
  state.nowMs = 500
  expect(leftOut()).toEqual([])
})

/** Counts what is learned in one go. */
function counted() {
  const state = { observed: 0 }
  const counting: Registry[string] = {
    describe: 'counts',
    start: () => ({ observe: () => void state.observed++, predict: () => undefined }),
  }
  return { state, registry: { counting } }
}

test.each([
  { what: 'that has dropped executions nobody has learned ahead for', from: 32, to: 97, inTurns: true },
  { what: 'with a few executions more', from: 0, to: 90, inTurns: false },
  { what: 'with many more', from: 0, to: 96, inTurns: true },
])('a small profile $what: learned in turns before it is asked for, or by who asks', async (expected) => {
  const { state, registry } = counted()
  const { held, revision, learned } = desk({ updateIntervalMs: 0, maxModels: 10 }, registry)
  const all = linearHistory(97)
  revision(taskKey, held(profileOf(all.slice(0, 76)), 1))
  const changed = held(profileOf(all.slice(expected.from, expected.to)), 2)

  const prepared = learned.prepare(profileId(taskKey), changed)
  expect(prepared !== undefined).toBe(expected.inTurns)
  await prepared
  const { observed } = state
  revision(taskKey, changed)
  expect(state.observed > observed).toBe(!expected.inTurns)
  expect(learned.prepare(profileId(taskKey), changed)).toBeUndefined()
})

test('what the drop of the oldest executions needs is learned between answers, not by those who wait for one', async () => {
  const { state, registry } = counted()
  const { held, revision, learned } = desk({ updateIntervalMs: 0, maxModels: 10 }, registry)
  const all = linearHistory(97)
  const dimensionsLearned = 3
  const observedBy = (from: number, to: number): number => {
    const before = state.observed
    const changed = held(profileOf(all.slice(from, to)), to)
    if (from > 0) expect(learned.prepare(profileId(taskKey), changed)).toBeUndefined()
    revision(taskKey, changed)
    return state.observed - before
  }
  observedBy(0, 69)
  for (let known = 70; known <= 96; known++) {
    expect(observedBy(0, known)).toBeLessThanOrEqual(dimensionsLearned)
    await nextTurn()
    await nextTurn()
  }
  expect(observedBy(32, 97)).toBeLessThanOrEqual(dimensionsLearned)
})

test('while a changed profile is learned in turns, who asks reads it no more', async () => {
  const { held, revision, learned, state } = desk({ updateIntervalMs: 0, maxModels: 10 })
  revision(taskKey, held(profileOf(history.slice(0, 3)), 1))
  const changed = held(profileOf(linearHistory(60)), 2)
  const id = profileId(taskKey)
  const first = learned.prepare(id, changed)
  expect(first).toBeInstanceOf(Promise)
  state.reads = 0
  for (let asked = 0; asked < 10; asked++) expect(learned.prepare(id, changed)).toBe(first)
  expect(state.reads).toBe(0)
  await first
})
