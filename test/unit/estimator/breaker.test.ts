import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { type Breakers, createBreakers } from '../../../services/estimator/breaker.ts'
import { learnInSteps } from '../../../services/estimator/domain/ensemble/learned-profile.ts'
import { createWorkspace } from '../../../services/estimator/domain/ensemble/workspace.ts'
import { strategies } from '../../../services/estimator/domain/strategies/index.ts'
import { createLog } from '../../../shared/runtime/log.ts'
import { linearHistory, profileOf } from '../../support/histories.ts'

let breakers: Breakers | undefined

afterEach(() => breakers?.close())

/** A clock that a strategy moves by working. */
function workshop(settings: { readonly resetMs?: number } = {}) {
  let nowMs = 0
  const made = createBreakers(
    {
      windowMs: 60_000,
      resetMs: 60_000,
      errorThresholdPercent: 50,
      minTries: 3,
      minTriesUnreliable: 5,
      fitBudgetMs: 10,
      ...settings,
    },
    { monotonicMs: () => nowMs, log: createLog('test', 'silent') },
  )
  breakers = made
  return {
    breakers: made,
    work(ms: number): void {
      nowMs += ms
    },
    /** One fit by strategies that each do their part; returns why which were left out. */
    learn(parts: Readonly<Record<string, () => unknown>>): ReadonlyMap<string, string> {
      const fit = made.beginFit()
      for (const [strategy, part] of Object.entries(parts)) fit.guard(strategy, part)
      return fit.settle()
    },
  }
}

/** Dimensions that only some executions have measured. */
const mixedHistory = linearHistory(24).map((record, i) => {
  const { memoryBytes, cpuCores, durationMs } = record.used
  return {
    ...record,
    used: i % 3 === 0 ? { memoryBytes } : i % 3 === 1 ? { cpuCores, durationMs } : record.used,
  }
})

const fails = () => {
  throw new Error('no luck')
}

test('a strategy that fails is left out of that fit, and after enough failures of all', () => {
  const { breakers, learn } = workshop()

  expect(learn({ good: () => 1, bad: fails }).get('bad')).toBe('failed: no luck')
  expect(breakers.leftOut('bad')).toBeUndefined()
  for (let i = 0; i < 3; i++) learn({ good: () => 1, bad: fails })

  expect(breakers.leftOut('bad')).toContain('breaker open')
  expect(breakers.leftOut('good')).toBeUndefined()
  let asked = false
  learn({
    bad: () => {
      asked = true
    },
  })
  expect(asked).toBe(false)
})

test('after its first failure a strategy is not run again in the same fit', () => {
  const { breakers } = workshop()
  const { guard } = breakers.beginFit()
  let runs = 0
  const run = () => {
    runs++
    return fails()
  }

  for (let i = 0; i < 5; i++) expect(guard('bad', run)).toBeUndefined()

  expect(runs).toBe(1)
})

test('a strategy that is too slow in all its parts together trips, one that is slow now and then does not', () => {
  const { breakers, learn, work } = workshop()
  for (let i = 0; i < 10; i++) learn({ slow: () => work(11), moody: () => work(i % 3 === 0 ? 11 : 1) })

  expect(breakers.leftOut('slow')).toBe('breaker open: it was too slow')
  expect(breakers.leftOut('moody')).toBeUndefined()
})

test('what is done between the rounds of a fit is no time of a strategy', () => {
  const { breakers, work } = workshop()
  for (let fits = 0; fits < 10; fits++) {
    const fit = breakers.beginFit()
    for (let round = 0; round < 4; round++) {
      for (const strategy of ['first', 'slow', 'last'])
        fit.guard(strategy, () => work(strategy === 'slow' ? 3 : 1))
      work(100)
    }
    fit.settle()
  }

  expect(breakers.leftOut('slow')).toBe('breaker open: it was too slow')
  expect(breakers.leftOut('first')).toBeUndefined()
  expect(breakers.leftOut('last')).toBeUndefined()
})

test.each([undefined, ...Object.keys(strategies)])(
  'what others do while a profile is learned in turns is no time of a strategy, also where %s fails',
  (failing) => {
    const { breakers, work } = workshop()
    const { guard, settle } = breakers.beginFit()
    let calls = 0
    const steps = learnInSteps(profileOf(mixedHistory), {
      registry: strategies,
      workspace: createWorkspace(),
      guard: (strategy, run) => guard(strategy, strategy === failing && ++calls > 20 ? fails : run),
    })
    while (!steps.next().done) work(1000)

    expect([...settle().keys()]).toEqual(failing === undefined ? [] : [failing])
  },
)

test('each kind of failure counts for itself: a poor record does not hide behind fits that succeed', () => {
  const { breakers, learn } = workshop()
  for (let i = 0; i < 10; i++) {
    learn({ s: () => 1 })
    breakers.report('s', 'unreliable', 'its record is poor')
  }

  expect(breakers.unfollowed('s')).toContain('breaker open')
  expect(breakers.leftOut('s')).toBeUndefined()
})

test('an open breaker lets one try through after a while, and its success closes it', async () => {
  const { breakers, learn } = workshop({ resetMs: 20 })
  for (let i = 0; i < 4; i++) learn({ s: fails })
  expect(breakers.leftOut('s')).toBeDefined()
  const { epoch } = breakers

  while (breakers.leftOut('s') !== undefined) await delay(5)
  learn({ s: () => 1 })
  await delay(0)
  expect(learn({ s: () => 1 }).size).toBe(0)

  expect(breakers.epoch).toBeGreaterThan(epoch)
  expect(breakers.leftOut('s')).toBeUndefined()
})

test('a remote call that fails opens its own breaker, an answer that is an error does not', async () => {
  const { breakers } = workshop()
  const { epoch } = breakers
  const down = breakers.remote('down', () => true)
  const picky = breakers.remote('picky', () => false)
  const call = async () => fails()

  for (let i = 0; i < 5; i++) {
    await expect(down.run(call)).rejects.toThrow()
    await expect(picky.run(call)).rejects.toThrow('no luck')
  }

  await expect(down.run(call)).rejects.toThrow('Breaker is open')
  expect(breakers.epoch).toBe(epoch)
  down.reached()
  await expect(down.run(async () => 'back')).resolves.toBe('back')
})
