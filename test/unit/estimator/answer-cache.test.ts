import { expect, test } from 'vitest'
import { answerCache } from '../../../services/estimator/answer-cache.ts'
import type { LearnedProfile } from '../../../services/estimator/domain/ensemble/learned-profile.ts'
import type { Answer } from '../../../services/estimator/domain/estimate/estimate.ts'
import type { EstimateQuery } from '../../../shared/domain/estimate.ts'
import { execution, profileOf } from '../../support/histories.ts'
import { learned, queryOf } from '../../support/queries.ts'

const profile = (): LearnedProfile => learned(profileOf([execution('e')]), {})

const query = (inputBytes: number, more: Partial<EstimateQuery> = {}) =>
  queryOf({ features: { input_bytes: inputBytes }, ...more })

const answer = (executions: number, more: Partial<Answer> = {}): Answer => ({
  resources: {},
  confidence: 1,
  source: 'profile',
  reasons: [],
  dimensions: [],
  profileRevision: 1,
  executions,
  variant: '',
  variantByExecution: false,
  notices: [],
  ...more,
})

/** A cache that is asked by task and query. */
function cacheOf(maxAnswers: number) {
  const cache = answerCache(maxAnswers)
  return {
    get(task: LearnedProfile, asked: EstimateQuery): Answer | undefined {
      const key = cache.keyOf(task, asked)
      return key === undefined ? undefined : cache.get(key)
    },
    put(task: LearnedProfile, asked: EstimateQuery, made: Answer, times = 2): void {
      for (let i = 0; i < times; i++) {
        const key = cache.keyOf(task, asked)
        if (key !== undefined) cache.put(key, made)
      }
    },
  }
}

test('gives what was put for the same profile and the same query, whoever runs it', () => {
  const cache = cacheOf(10)
  const task = profile()
  cache.put(task, query(1), answer(1))

  expect(cache.get(task, query(1, { executionId: 'another' }))?.executions).toBe(1)
  expect(cache.get(task, query(2))).toBeUndefined()
  expect(cache.get(task, query(1, { policy: { risk: 1 } }))).toBeUndefined()
  expect(cache.get(task, query(1, { previousOutcome: 'out-of-memory' }))).toBeUndefined()
  expect(cache.get(task, query(1, { attempt: 2 }))).toBeUndefined()
  expect(cache.get(profile(), query(1))).toBeUndefined()
})

test('keeps an answer once it was made twice: queries that are asked once take no room', () => {
  const cache = cacheOf(10)
  const task = profile()
  cache.put(task, query(1), answer(1), 1)
  expect(cache.get(task, query(1))).toBeUndefined()
  cache.put(task, query(1), answer(1), 1)
  expect(cache.get(task, query(1))?.executions).toBe(1)
})

test('of two queries that have one checksum the later is kept, and neither is answered as the other', () => {
  const cache = cacheOf(10)
  const task = profile()
  const other = queryOf({ features: { output_bytes: 1 } })
  cache.put(task, query(1), answer(1))
  cache.put(task, other, answer(2))

  expect(cache.get(task, other)?.executions).toBe(2)
  expect(cache.get(task, query(1))).toBeUndefined()
})

test('keeps what the arms of an experiment ask by turns, and what is asked of retries, each for itself', () => {
  const cache = cacheOf(20)
  const task = profile()
  const policies: EstimateQuery['policy'][] = [
    { risk: 0.5 },
    { targetCoverage: 0.5 },
    { strategies: ['mean'] },
    { strategies: ['quantile'] },
    { strategies: ['mean', 'quantile'] },
    { min: { memoryBytes: 1 } },
    { max: { memoryBytes: 1 } },
    { overhead: { memoryBytes: 1 } },
    {},
  ]
  const asked = [
    ...policies.map((policy) => query(1, { policy })),
    query(1, { previousOutcome: 'out-of-memory' }),
    query(1, { previousOutcome: 'failed' }),
  ]
  for (const [i, each] of asked.entries()) cache.put(task, each, answer(i))

  expect(asked.map((each) => cache.get(task, each)?.executions)).toEqual(asked.map((_, i) => i))
})

test('keeps no more than it may, and what is asked for often longest', () => {
  const cache = cacheOf(10)
  const task = profile()
  for (let i = 0; i < 100; i++) {
    cache.put(task, query(i), answer(i))
    cache.get(task, query(0))
  }
  const held = Array.from({ length: 100 }, (_, i) => i).filter((i) => cache.get(task, query(i)) !== undefined)

  expect(held).toContain(0)
  expect(held).toContain(99)
  expect(held.length).toBeLessThanOrEqual(10)
})

test('keeps no answer that is for one execution alone, and none at all where none may be kept', () => {
  const cache = cacheOf(10)
  const none = cacheOf(0)
  const task = profile()
  cache.put(task, query(1), answer(1, { variantByExecution: true }))
  none.put(task, query(1), answer(1))

  expect(cache.get(task, query(1))).toBeUndefined()
  expect(none.get(task, query(1))).toBeUndefined()
})
