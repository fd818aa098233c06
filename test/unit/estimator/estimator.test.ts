import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type Breakers, createBreakers } from '../../../services/estimator/breaker.ts'
import { strategies } from '../../../services/estimator/domain/strategies/index.ts'
import type { Registry } from '../../../services/estimator/domain/strategies/strategy.ts'
import { createEstimator } from '../../../services/estimator/estimator.ts'
import type { HeldProfile } from '../../../services/estimator/held-profiles.ts'
import { learnedProfiles } from '../../../services/estimator/learned-profiles.ts'
import type { Replica } from '../../../services/estimator/replica.ts'
import { type Profile, profileId } from '../../../shared/domain/profile.ts'
import { createLog } from '../../../shared/runtime/log.ts'
import { turn } from '../../../shared/runtime/turns.ts'
import { historyOfTwo, profileOf } from '../../support/histories.ts'
import { defaultSettings, estimateOf, evidenceOfTask, learned, queryOf } from '../../support/queries.ts'

let breakers: Breakers | undefined

afterEach(() => breakers?.close())

const profile = profileOf(historyOfTwo(40))
const outside = { size: 1e6, threads: 1e6 }

const heldOf = (of: Profile, version: number): HeldProfile => ({
  version,
  isLarge: false,
  // biome-ignore lint/correctness/useYield: it has one step
  *read() {
    return of
  },
})

/** Knows one task; the time is `state.nowMs`. */
function desk(registry: Registry = strategies) {
  const log = createLog('test', 'silent')
  const monotonicMs = () => state.nowMs
  const breakerSettings = {
    windowMs: 60_000,
    resetMs: 60_000,
    errorThresholdPercent: 50,
    minTries: 5,
    minTriesUnreliable: 5,
    fitBudgetMs: 1e9,
  }
  breakers = createBreakers(breakerSettings, { monotonicMs, log })
  const learning = {
    updateIntervalMs: 0,
    refitBudgetMs: 1e9,
    maxModels: 10,
    retryMs: 1e9,
    breakerWindowMs: 1e9,
  }
  const learned = learnedProfiles(learning, { breakers, registry, monotonicMs, log })
  const state = { nowMs: 0, held: heldOf(profile, 1) }
  const lookup: Replica['lookup'] = (id) => (id === profileId(profile.key) ? state.held : 'unknown')
  const replica: Replica = {
    lookup,
    fetch: async (id) => lookup(id),
    nearestTasks: () => [],
    stalenessMs: () => 0,
    profiles: 1,
    bytes: 1,
    close: async () => undefined,
  }
  const settings = {
    ...defaultSettings,
    registry,
    cohortLabels: [],
    maxAnswers: 100,
    predictBudgetMs: 10,
    staleAfterMs: 1e9,
  }
  return {
    state,
    log,
    estimator: createEstimator(settings, { replica, learned, breakers, monotonicMs, log }),
  }
}

function expectedOf(of: Profile, features: Record<string, number>) {
  const { reason, ...expected } = estimateOf(queryOf({ features }), evidenceOfTask(learned(of)))
  return expected
}

/** What others did in this turn of the event loop has taken all of it. */
function useUpTurn(): void {
  while (!turn.isOver());
}

describe('an estimate beyond the range', () => {
  test('waits for growth to be recorded in turns of the event loop, once', async () => {
    const { estimator } = desk()
    await estimator.estimate(queryOf({ features: { size: 2, threads: 2 } }))
    const first = estimator.estimate(queryOf({ features: outside }))
    expect(first).toBeInstanceOf(Promise)
    expect(await first).toMatchObject(expectedOf(profile, outside))
  })

  test('within its turn is worked out at once, growth being recorded, and goes on in others where that is over, whoever is answered between', async () => {
    const { estimator } = desk()
    await estimator.estimate(queryOf({ features: outside }))
    const asked = [1e7, 1e3, 1e5].map((size) => ({ ...outside, size }))
    useUpTurn()
    const answers = asked.map((features) => estimator.estimate(queryOf({ features })))
    for (const [i, answer] of answers.entries()) {
      expect(answer).toBeInstanceOf(Promise)
      expect(await answer).toMatchObject(expectedOf(profile, asked[i] ?? {}))
    }
  })

  test('begins again where more is learned of the task meanwhile', async () => {
    const { state, estimator } = desk()
    await estimator.estimate(queryOf({ features: outside }))
    const next = { ...outside, size: 1e7 }
    useUpTurn()
    const answer = estimator.estimate(queryOf({ features: next }))
    const changed = profileOf(historyOfTwo(41))
    state.held = heldOf(changed, 2)
    expect(estimator.estimate(queryOf({ features: { size: 2, threads: 2 } }))).toMatchObject({
      profileRevision: 41,
    })
    expect(await answer).toMatchObject(expectedOf(changed, next))
  })

  test.each(['fault', 'unreliable'] as const)(
    'begins again where a breaker opens meanwhile, by %s',
    async (kind) => {
      const { estimator } = desk()
      await estimator.estimate(queryOf({ features: outside }))
      useUpTurn()
      const answer = estimator.estimate(queryOf({ features: { ...outside, size: 1e7 } }))
      for (let tries = 0; tries < 5; tries++) breakers?.report('linear-regression', kind, 'a fault')
      const reasons = (await answer).dimensions.map(
        ({ predictions }) => predictions.find(({ strategy }) => strategy === 'linear-regression')?.reason,
      )
      expect(reasons).toEqual(new Array(5).fill(expect.stringContaining('breaker open')))
    },
  )

  test('as does a confidence, and whoever asks meanwhile waits for the same', async () => {
    const { estimator } = desk()
    await estimator.estimate(queryOf({ features: { size: 2, threads: 2 } }))
    const asked = [1, 2, 3].map((times) =>
      estimator.confidence(queryOf({ features: { ...outside, size: times * 300, threads: 50 } }), {
        memoryBytes: 3e10,
      }),
    )
    for (const answer of asked) expect(answer).toBeInstanceOf(Promise)
    const [one, two] = await Promise.all(asked)
    expect(one?.confidence).toBeGreaterThan(two?.confidence ?? 1)
  })

  test('and one within does not', async () => {
    const { estimator } = desk()
    await estimator.estimate(queryOf({ features: { size: 2, threads: 2 } }))
    expect(estimator.estimate(queryOf({ features: { size: 3, threads: 3 } }))).not.toBeInstanceOf(Promise)
  })
})

/** A strategy whose every prediction takes 3 ms. */
function slow(state: () => { nowMs: number }) {
  const count = { predictions: 0 }
  const crawling: Registry[string] = {
    describe: 'takes its time',
    start: () => ({
      observe() {},
      predict() {
        count.predictions++
        state().nowMs += 3
        return 1
      },
    }),
  }
  return { count, registry: { crawling } satisfies Registry }
}

/** An estimator whose strategy is slow, once it has found that out. */
async function slowDesk() {
  const { count, registry } = slow(() => subject.state)
  const subject = desk(registry)
  await subject.estimator.estimate(queryOf({ features: { size: 2, threads: 2 } }))
  await searched()
  count.predictions = 0
  return { count, ...subject }
}

/** The search for a slow strategy has had its turns of the event loop. */
async function searched(): Promise<void> {
  await nextTurn()
  await nextTurn()
}

test('after a slow answer the slow strategy is looked for in another turn of the event loop, once for all of a turn', async () => {
  const { count, estimator } = await slowDesk()
  for (const size of [3, 4, 5]) void estimator.estimate(queryOf({ features: { size, threads: 2 } }))
  const dimensions = 5
  expect(count.predictions).toBe(3 * dimensions)
  await searched()
  expect(count.predictions).toBe(4 * dimensions)
})

test('the confidence in what an estimate would give asks each strategy as often as the estimate does', async () => {
  const { count, estimator } = await slowDesk()
  void estimator.confidence(queryOf({ features: { size: 3, threads: 2 } }), undefined, true)
  expect(count.predictions).toBe(5)
})

test('the search for a slow strategy ends where more is learned of the task meanwhile', async () => {
  const { count, state, estimator } = await slowDesk()
  void estimator.estimate(queryOf({ features: { size: 3, threads: 2 } }))
  state.held = heldOf(profileOf(historyOfTwo(41)), 2)
  void estimator.estimate(queryOf({ features: { size: 4, threads: 2 } }))
  count.predictions = 0
  await searched()
  expect(count.predictions).toBe(0)
  void estimator.estimate(queryOf({ features: { size: 5, threads: 2 } }))
  await searched()
  expect(count.predictions).toBe(2 * 5)
})

test('a search for a slow strategy that fails is logged, and does not keep from the next', async () => {
  const { count, estimator, log } = await slowDesk()
  const failed = vi.spyOn(log, 'error')
  let isFaulty = false
  void estimator.estimate({
    ...queryOf(),
    get features() {
      if (isFaulty) throw new Error('a fault of the domain')
      return { size: 3, threads: 2 }
    },
  })
  isFaulty = true
  await searched()
  expect(failed).toHaveBeenCalledOnce()
  count.predictions = 0
  void estimator.estimate(queryOf({ features: { size: 4, threads: 2 } }))
  await searched()
  expect(count.predictions).toBe(2 * 5)
})
