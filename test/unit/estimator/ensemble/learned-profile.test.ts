import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  extendProfile,
  type LearnedProfile,
  learnAhead,
  learnInSteps,
  learnProfile,
} from '../../../../services/estimator/domain/ensemble/learned-profile.ts'
import type { ExecutionRecord } from '../../../../shared/domain/execution.ts'
import type { Profile, StrategyAccuracy } from '../../../../shared/domain/profile.ts'
import { cohortOf, linearHistory, profileOf, taskKey } from '../../../support/histories.ts'
import { always } from '../../../support/models.ts'
import { nastyHistory, nastyQuery } from '../../../support/nasty-profiles.ts'
import { estimateOf, evidenceOfTask, learned, learningWith, queryOf } from '../../../support/queries.ts'

test('learning one execution more is, to the bit, learning all anew', () => {
  fc.assert(
    fc.property(nastyHistory, nastyQuery, fc.integer({ min: 1, max: 40 }), (history, query, known) => {
      const first = history.slice(0, Math.min(known, history.length))
      const before = learned(profileOf(first))
      const after = profileOf(history)
      const extended = extendProfile(before, after, learningWith())
      const anew = learned(after)
      const answer = (task: LearnedProfile) => estimateOf(query, evidenceOfTask(task))
      if (extended === undefined) expect(history.length).toBeGreaterThan(96)
      else expect(answer({ ...extended, leftOut: new Map() })).toEqual(answer(anew))
    }),
    { numRuns: 80 },
  )
})

test('learning several in turns, a step of each, is, to the bit, learning each at once', () => {
  fc.assert(
    fc.property(fc.array(nastyHistory, { minLength: 2, maxLength: 4 }), nastyQuery, (histories, query) => {
      const learning = learningWith()
      const learners = histories.map((history) => learnInSteps(profileOf(history), learning))
      const found = new Map<number, LearnedProfile>()
      while (found.size < learners.length) {
        for (const [index, steps] of learners.entries()) {
          const { done, value } = found.has(index) ? {} : steps.next()
          if (done && value) found.set(index, { ...value, leftOut: new Map() })
        }
      }
      for (const [index, history] of histories.entries()) {
        const answer = (task: LearnedProfile) => estimateOf(query, evidenceOfTask(task))
        expect(answer(found.get(index) as LearnedProfile)).toEqual(answer(learned(profileOf(history))))
      }
    }),
    { numRuns: 20 },
  )
})

test('once the buffer is full, what it holds is all that counts', () => {
  const history = linearHistory(200)
  const whole = profileOf(history)
  const held = { ...profileOf(whole.executions), revision: whole.revision, outcomes: whole.outcomes }
  const query = queryOf({ features: { input_bytes: 77e6 } })

  expect(whole.executions.length).toBeLessThan(history.length)
  expect(estimateOf(query, evidenceOfTask(learned(whole))).dimensions).toEqual(
    estimateOf(query, evidenceOfTask(learned(held))).dimensions,
  )
})

const learning = learningWith({ registry: {} })

const learnedWithout = (profile: Profile): LearnedProfile => ({
  ...learnProfile(profile, learning),
  leftOut: new Map(),
})

/** A profile that holds these executions of a linear history, by number. */
const holding = (...numbers: readonly number[]): Profile => {
  const history = linearHistory(100)
  return { ...profileOf(history.slice(0, 1)), executions: numbers.map((i) => history[i] as ExecutionRecord) }
}

const countAfter = (before: Profile, after: Profile) =>
  extendProfile(learnedWithout(before), after, learning)?.model?.dimensions.get('memoryBytes')?.executions
    .count

test('is extended where the profile holds the same executions and some more', () => {
  expect(countAfter(holding(0, 1), holding(0, 1))).toBe(2)
  expect(countAfter(holding(0, 1), holding(0, 1, 2, 3))).toBe(4)
  expect(countAfter(holding(), holding(0, 1))).toBe(2)
})

test('is not extended where an execution is missing, new among the old, or in another place', () => {
  expect(countAfter(holding(0, 1, 2), holding(0, 1))).toBeUndefined()
  expect(countAfter(holding(0, 1, 2), holding(0, 2, 3))).toBeUndefined()
  expect(countAfter(holding(0, 1, 2), holding(0, 2, 1))).toBeUndefined()
  expect(countAfter(holding(0, 1, 2), holding(5, 6, 7))).toBeUndefined()
  expect(countAfter(holding(0, 1, 2), holding())).toBeUndefined()
})

test('is not extended over executions that were dropped without being expected', () => {
  expect(countAfter(holding(0, 1, 2), holding(1, 2, 3))).toBeUndefined()
})

test('a cohort has no model to extend', () => {
  const cohort = cohortOf('tool=x', [1e9])
  expect(learnedWithout(cohort).model).toBeUndefined()
  expect(extendProfile(learnedWithout(cohort), cohort, learning)).toBeUndefined()
})

test('knows the ids of its executions, and the profile without them', () => {
  const { executionIds, profile, standby } = learnedWithout(holding(3, 4))
  expect(executionIds).toEqual(['linear-3', 'linear-4'])
  expect(profile).not.toHaveProperty('executions')
  expect(profile).not.toHaveProperty('folded')
  expect(profile.key).toEqual(taskKey)
  expect(standby).toBeUndefined()
})

test('knows the strategies that its record judges, and those whose record is poor', () => {
  const entry = (strategy: string, relativeError: number, executions = 50): StrategyAccuracy => ({
    ...{ strategy, variant: '', dimension: 'memoryBytes', executions, relativeError },
    ...{ weight: 20, weightSquares: 20, coverage: 0.5, relativeErrorVariance: 0, wastage: 0 },
    ...{ cost: 0, costVariance: 0, brier: 0, meanConfidence: 0, calibration: [] },
  })
  const accuracy = [entry('foresize', 0.5), entry('good', 1), entry('poor', 9), entry('short', 9, 3)]
  const registry = { good: always(1), poor: always(1), short: always(1) }
  const { poor, judged } = learnProfile({ ...holding(0), accuracy }, learningWith({ registry }))
  expect(poor).toMatchObject([{ strategy: 'poor', dimension: 'memoryBytes' }])
  expect(judged).toEqual(['good', 'poor'])
})

test('followed through a drop that is expected, the standby takes over and the next one is begun anew', () => {
  const upTo = (from: number, to: number) => holding(...Array.from({ length: to - from }, (_, i) => from + i))
  let task = learnedWithout(upTo(0, 60))
  const follow = (profile: Profile) => {
    const next = extendProfile(task, profile, learning)
    task = { ...(next as LearnedProfile), leftOut: new Map() }
    learnAhead(task, profile.executions, learning)
    return next
  }
  for (let held = 61; held <= 96; held++) follow(upTo(0, held))
  expect(task.standby).toMatchObject({ dropped: 32, learned: 64 })
  const { model } = task.standby as NonNullable<typeof task.standby>

  const dropped = follow(upTo(32, 97))
  expect(dropped?.model).toBe(model)
  expect(dropped?.model?.dimensions.get('memoryBytes')?.executions.count).toBe(65)
  const needs = linearHistory(100).map(({ used }) => used.memoryBytes)
  const known = dropped?.model?.dimensions.get('memoryBytes')?.executions.needs.subarray(0, 65) ?? []
  expect([...known]).toEqual(needs.slice(32, 97))
  expect(dropped?.standby).toBeUndefined()
  expect(dropped?.executionIds.length).toBe(65)
})
