import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Guard } from '../../../../services/estimator/domain/ensemble/guard.ts'
import {
  extendProfile,
  type LearnedProfile,
  learnProfile,
} from '../../../../services/estimator/domain/ensemble/learned-profile.ts'
import { expectedRing } from '../../../../services/estimator/domain/ensemble/standby-model.ts'
import { strategies } from '../../../../services/estimator/domain/strategies/index.ts'
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
  const history = linearHistory(300)
  const query = queryOf({ features: { input_bytes: 42e6 } })
  for (const step of [2, 3, 7, 20, 40, 100]) {
    let kept = 0
    follow(history, step, strategies, (profile, extended) => {
      if (extended === undefined) return
      kept++
      expect(estimateOf(query, evidenceOfTask(extended))).toEqual(
        estimateOf(query, evidenceOfTask(fitted(profile))),
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
