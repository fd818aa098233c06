import { afterEach, expect, test } from 'vitest'
import { strategies } from '../../services/estimator/domain/strategies/index.ts'
import type { Learner, Registry } from '../../services/estimator/domain/strategies/strategy.ts'
import type { Estimate } from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { estimatorFixture } from '../support/estimator-fixture.ts'
import { execution, linearHistory, profileOf } from '../support/histories.ts'
import { profileFeed } from '../support/profile-feed.ts'

const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A strategy in production that behaves until it is switched, beside the real ones. */
function registryWith(misbehave: (need: number) => number | undefined) {
  const state = { hostile: true, predictions: 0 }
  const learner = (): Learner => {
    let last: number | undefined
    return {
      observe(_point, need) {
        last = need
      },
      predict() {
        state.predictions++
        return state.hostile ? misbehave(last ?? 1e9) : last
      },
    }
  }
  const registry: Registry = { ...strategies, hostile: { describe: 'misbehaves', start: learner } }
  return { registry, state }
}

const history = linearHistory(20)
const settings = { breakerMinTries: 2, breakerResetMs: 800, fitBudgetMs: 100, predictBudgetMs: 100 }

async function pair(registry: Registry) {
  const profiler = await profileFeed()
  closing.push(profiler.close)
  const service = await estimatorFixture({ profiler: profiler.address, ...settings }, registry)
  closing.push(service.close)
  let folded = 0
  const history: ReturnType<typeof execution>[] = []
  return {
    ...service,
    /** One more execution is folded; the answer that knows of it. */
    async next(): Promise<Estimate> {
      history.push(execution(`e${folded++}`, linearHistory(20)[folded % 20]))
      profiler.put(profileOf(history.map((record, i) => ({ ...record, executionId: `e${i}` }))))
      return service.estimateUntil(({ executions }) => executions >= folded)
    },
  }
}

const reasonFor = (estimate: Estimate, strategy: string) =>
  estimate.dimensions
    .find(({ dimension }) => dimension === 2)
    ?.predictions.find((prediction) => prediction.strategy === strategy)?.reason

function stall(): number {
  const until = performance.now() + 4 * settings.fitBudgetMs + 50
  while (performance.now() < until);
  return 1e9
}

const misdeeds: Record<string, (need: number) => number | undefined> = {
  throws: () => {
    throw new Error('no luck today')
  },
  stalls: stall,
  'answers NaN': () => Number.NaN,
  'answers 0': () => 0,
  'answers less than nothing': (need) => -need,
  'answers infinity': () => Number.POSITIVE_INFINITY,
  'answers nonsense': () => 1e300,
}

for (const [name, misdeed] of Object.entries(misdeeds)) {
  test(`a strategy that ${name} trips its own breaker, is answered without, and comes back`, async () => {
    const { registry, state } = registryWith(misdeed)
    const { next, estimate, estimateUntil } = await pair(registry)

    let answer = await next()
    for (let i = 0; i < 6 && !reasonFor(answer, 'hostile')?.includes('breaker open'); i++) {
      answer = await next()
      expect(answer.resources?.memoryBytes).toBeGreaterThan(0)
      expect(answer.dimensions.every(({ strategy }) => strategy !== 'hostile')).toBe(true)
    }
    expect(reasonFor(answer, 'hostile')).toContain('breaker open')
    expect(answer.reason).toContain('hostile (breaker open')
    const others = Object.keys(strategies).map((strategy) => reasonFor(answer, strategy))
    expect(others.every((reason) => reason === '' || reason === 'abstains')).toBe(true)

    const before = state.predictions
    await estimate()
    expect(state.predictions).toBe(before)

    state.hostile = false
    const healed = await estimateUntil((again) => reasonFor(again, 'hostile') === '')
    expect(healed.reason).not.toContain('hostile')
  })
}

test('a strategy that goes wrong only in answering trips as well', async () => {
  const { registry, state } = registryWith(() => Number.NaN)
  state.hostile = false
  const { next, estimate } = await pair(registry)
  for (let i = 0; i < 4; i++) await next()
  expect(reasonFor(await estimate(), 'hostile')).toBe('')

  state.hostile = true
  const reasons: string[] = []
  // A query asked before is answered from what was answered then: each of these is new.
  for (let i = 1; i <= 40; i++) {
    reasons.push(reasonFor(await estimate({ features: { input_bytes: i } }), 'hostile') ?? '')
  }

  expect(reasons[0]).toContain('failed: answered NaN')
  expect(reasons.at(-1)).toContain('breaker open')
})

test('an abstention is no failure', async () => {
  const { registry } = registryWith(() => undefined)
  const { next } = await pair(registry)

  let answer = await next()
  for (let i = 0; i < 6; i++) answer = await next()

  expect(reasonFor(answer, 'hostile')).toBe('abstains')
  expect(answer.reason).not.toContain('left out')
})

test('answers are the same as if the tripped strategy had never been there', async () => {
  const { registry } = registryWith(() => Number.NaN)
  const hostile = await pair(registry)
  const clean = await pair(strategies)

  let withHostile = await hostile.next()
  let without = await clean.next()
  for (let i = 1; i < history.length; i++) {
    withHostile = await hostile.next()
    without = await clean.next()
  }

  expect(withHostile.resources).toEqual(without.resources)
  expect(withHostile.confidence).toBe(without.confidence)
})
