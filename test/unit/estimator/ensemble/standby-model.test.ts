import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Guard } from '../../../../services/estimator/domain/ensemble/guard.ts'
import {
  extendProfile,
  type LearnedProfile,
  learnAhead,
  learnProfile,
} from '../../../../services/estimator/domain/ensemble/learned-profile.ts'
import {
  expectedRing,
  extendStandby,
  type StandbyModel,
  takeOver,
} from '../../../../services/estimator/domain/ensemble/standby-model.ts'
import { constant } from '../../../../services/estimator/domain/strategies/constant.ts'
import { strategies } from '../../../../services/estimator/domain/strategies/index.ts'
import { ridge } from '../../../../services/estimator/domain/strategies/ridge.ts'
import type { Registry } from '../../../../services/estimator/domain/strategies/strategy.ts'
import { defaultFoldSettings, foldAll } from '../../../../services/profiler/domain/fold.ts'
import type { ExecutionRecord } from '../../../../shared/domain/execution.ts'
import type { Profile } from '../../../../shared/domain/profile.ts'
import { linearHistory, taskKey } from '../../../support/histories.ts'
import { nastyExecution, nastyQuery } from '../../../support/nasty-profiles.ts'
import { estimateOf, evidenceOfTask, learningWith, queryOf } from '../../../support/queries.ts'

/** Leaves out what fails. */
const tolerant: Guard = (_strategy, run) => {
  try {
    return run()
  } catch {
    return undefined
  }
}

const fitted = (profile: Profile, registry: Registry = strategies): LearnedProfile => ({
  ...learnProfile(profile, learningWith({ registry, guard: tolerant })),
  leftOut: new Map(),
})

/** Folds a history `step` executions at a time, as the profiler does, and learns each profile from the one before. */
function follow(
  history: readonly ExecutionRecord[],
  step: number,
  registry: Registry,
  each: (profile: Profile, extended: LearnedProfile | undefined) => void,
): void {
  const learning = learningWith({ registry })
  let profile: Profile | undefined
  let before: LearnedProfile | undefined
  for (let at = 0; at < history.length; at += step) {
    const news = history.slice(at, at + step).map((record) => ({ record }))
    profile = foldAll(profile, taskKey, news, 0, defaultFoldSettings).profile
    const learned = before === undefined ? undefined : extendProfile(before, profile, learning)
    const extended = learned && { ...learned, leftOut: new Map<string, string>() }
    each(profile, extended)
    before = extended ?? fitted(profile, registry)
    learnAhead(before, profile.executions, learning)
  }
}

test('the profiler drops what is expected of it', () => {
  const { maxExecutions, droppedExecutions } = defaultFoldSettings
  expect(expectedRing).toEqual({ executions: maxExecutions, dropped: droppedExecutions })
})

test('a profile that is followed one by one is never fitted again, and answers to the bit as if it were', () => {
  const histories = fc.array(nastyExecution, { minLength: 140, maxLength: 180 })
  fc.assert(
    fc.property(histories, nastyQuery, (executions, query) => {
      const history = executions.map((execution, i) => ({ ...execution, executionId: `e${i}` }))
      follow(history, 1, strategies, (profile, extended) => {
        if (profile.executions.length === 0) return
        if (profile.revision > 1) expect(extended).toBeDefined()
        const held = profile.executions.length
        if (extended && (held === 65 || held === 96 || profile.revision === history.length))
          expect(estimateOf(query, evidenceOfTask(extended))).toEqual(
            estimateOf(query, evidenceOfTask(fitted(profile))),
          )
      })
    }),
    { numRuns: 10 },
  )
})

test('however many executions come at once, the answer is that of a model fitted anew', () => {
  const registry = { ridge, constant }
  const history = linearHistory(300)
  const query = queryOf({ features: { input_bytes: 42e6 } })
  for (const step of [2, 3, 7, 20, 40, 100]) {
    let kept = 0
    follow(history, step, registry, (profile, extended) => {
      if (extended === undefined) return
      kept++
      expect(estimateOf(query, evidenceOfTask(extended))).toEqual(
        estimateOf(query, evidenceOfTask(fitted(profile, registry))),
      )
    })
    if (step < 3) expect(kept).toBe(Math.ceil(history.length / step) - 1)
  }
})

test('a strategy that would fail in a standby model is left to the full replay, under the guard', () => {
  const picky: Registry[string] = {
    describe: 'cannot begin with the 33rd',
    start() {
      let seen = 0
      return {
        observe({ values }) {
          if (seen++ === 0 && values[0] === history[32]?.features['input_bytes'])
            throw new Error('not that one')
        },
        predict: () => undefined,
      }
    },
  }
  const history = linearHistory(120)
  const fittedAt: number[] = []
  follow(history, 1, { picky }, (profile, extended) => {
    if (extended === undefined) fittedAt.push(profile.revision)
  })
  expect(fittedAt).toEqual([1, 97])
})

const learning = learningWith({ registry: {} })

/** Standby models after each number of executions up to `count`, of profiles that grow by `step`. */
function standbyAfter(count: number, step = 1): StandbyModel | undefined {
  const history = linearHistory(count)
  let standby: StandbyModel | undefined
  for (let held = count % step; held <= count; held += step)
    standby = extendStandby(standby, history.slice(0, held), learning)
  return standby
}

test('is begun 26 executions before the buffer is full, and learns five at an update until it has caught up', () => {
  expect(standbyAfter(69)).toBeUndefined()
  expect(standbyAfter(70)).toMatchObject({ dropped: 32, learned: 5 })
  expect(standbyAfter(71)?.learned).toBe(10)
  // 38 are to be learned at first; each update learns five and brings one.
  expect(standbyAfter(78)?.learned).toBe(45)
  expect(standbyAfter(79)?.learned).toBe(47)
  expect(standbyAfter(80)?.learned).toBe(48)
  expect(standbyAfter(96)?.learned).toBe(64)
  expect(standbyAfter(96)?.model.dimensions.get('memoryBytes')?.executions.count).toBe(64)
  expect(standbyAfter(97)).toBeUndefined()
})

test('takes over only where what was dropped is what was expected, and all that is left was learned', () => {
  const ready = standbyAfter(96)
  expect(takeOver(ready, 96, 32)).toBe(ready?.model)
  expect(takeOver(ready, 96, 31)).toBeUndefined()
  expect(takeOver(ready, 97, 32)).toBeUndefined()
  expect(takeOver(standbyAfter(75), 75, 32)).toBeUndefined()
  expect(takeOver(undefined, 96, 32)).toBeUndefined()
})

test('where a strategy fails there is none', () => {
  const failing: Registry[string] = {
    describe: 'fails',
    start: () => ({
      observe() {
        throw new Error('no')
      },
      predict: () => undefined,
    }),
  }
  const broken = learningWith({ registry: { failing }, guard: tolerant })
  expect(extendStandby(undefined, linearHistory(80), broken)).toBeUndefined()
})
