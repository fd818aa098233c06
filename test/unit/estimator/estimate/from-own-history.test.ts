import { expect, test } from 'vitest'
import type { Evidence } from '../../../../services/estimator/domain/estimate/context.ts'
import type { ExecutionRecord } from '../../../../shared/domain/execution.ts'
import { execution, linearHistory, profileOf } from '../../../support/histories.ts'
import {
  confidenceOf,
  estimateOf,
  evidenceOfTask,
  learned,
  openAccess,
  queryOf,
} from '../../../support/queries.ts'

const evidenceOf = (history: readonly ExecutionRecord[]) => evidenceOfTask(learned(profileOf(history)))

const memoryOf = (...args: Parameters<typeof estimateOf>) =>
  estimateOf(...args).dimensions.find(({ dimension }) => dimension === 'memoryBytes')

test('a killed attempt does not lower what is expected, and is no observation of a need', () => {
  const history = linearHistory(30)
  const killed = execution('killed', {
    features: { input_bytes: 20e6 },
    allocated: { memoryBytes: 60e6 },
    used: { memoryBytes: 59e6, durationMs: 500 },
    outcome: 'out-of-memory',
  })
  const query = queryOf({ features: { input_bytes: 20e6 } })
  const expected = (executions: readonly ExecutionRecord[]) =>
    memoryOf(query, evidenceOf(executions))?.expected

  expect(expected([...history, killed])).toBeGreaterThanOrEqual(expected(history) ?? 0)
})

test('a run time of zero counts as a millisecond: a failure costs the same', () => {
  const memory = (durationMs: number, count: number) => {
    const history = Array.from({ length: count }, (_, i) =>
      execution(`quick-${i}`, { used: { memoryBytes: 1e9, durationMs } }),
    )
    return memoryOf(queryOf(), evidenceOf(history))
  }
  for (const count of [1, 2, 20]) expect(memory(0, count)).toEqual(memory(1, count))
})

test('where no strategy is to be followed all that predict are: there is nothing else to go by', () => {
  const evidence = evidenceOf(linearHistory(30))
  const query = queryOf({ features: { input_bytes: 20e6 } })
  const access = { ...openAccess, unfollowed: () => 'its breaker is open' }
  const unfollowed = estimateOf(query, evidence, { access })
  const followed = estimateOf(query, evidence)
  expect(unfollowed.resources).toEqual(followed.resources)
  expect(unfollowed.confidence).toBe(followed.confidence)
})

test('what running executions use already counts where it is above what was predicted', () => {
  const history = Array.from({ length: 30 }, (_, i) =>
    execution(`e${i}`, { used: { memoryBytes: 1e9 * (1 + 0.01 * (i % 5)), durationMs: 60_000 } }),
  )
  const { features, labels, requested, allocated } = execution('r', {})
  const running = (peaks: readonly number[]): Evidence => {
    const running = peaks.map((memoryBytes, i) => ({
      ...{ executionId: `r${i}`, attempt: 1, features, labels, requested, allocated },
      peak: { memoryBytes },
    }))
    return evidenceOfTask(learned({ ...profileOf(history), running }))
  }
  const query = queryOf()
  const usual = estimateOf(query, running([]))
  const confidenceInUsual = (evidence: Evidence) => confidenceOf(query, usual.resources, evidence).confidence

  expect(estimateOf(query, running([1e9, 5e8, 9e8])).resources).toEqual(usual.resources)
  const few = running([4.4e9, 4e9])
  expect(confidenceInUsual(few)).toBeLessThan(confidenceInUsual(running([])))
  expect(estimateOf(query, few).reason).toContain('2 running executions use more')
  const retry = { attempt: 2, previousAllocation: usual.resources, previousOutcome: 'out-of-memory' as const }
  expect(estimateOf({ ...query, ...retry }, few).resources.memoryBytes).toBeCloseTo(1.05 * 4.4e9, 0)
  const many = running(Array.from({ length: 16 }, () => 4e9))
  expect(estimateOf(query, many).resources.memoryBytes).toBeGreaterThan(4e9)
})

test('the tail beyond what was seen is covered where running again costs more than the memory: by short tasks, and less the more was seen', () => {
  const factor = (count: number, durationMs: number) => {
    const history = Array.from({ length: count }, (_, i) =>
      execution(`u-${i}`, { used: { memoryBytes: 200e6, durationMs } }),
    )
    return (estimateOf(queryOf(), evidenceOf(history)).resources.memoryBytes ?? 0) / 200e6
  }
  expect(factor(1, 1000)).toBeGreaterThan(1.7)
  expect(factor(1, 1000)).toBeLessThanOrEqual(Math.exp(0.6) * (1 + 1e-9))
  expect(factor(30, 1000)).toBeGreaterThan(1.15)
  expect(factor(1, 36_000_000)).toBeLessThan(1.3)
  expect(factor(30, 1000)).toBeLessThan(factor(1, 1000))
})

test('the tail starts from what the input needs: a small one is not given what only a large one needs', () => {
  const bySize = [1e7, 1e8, 3e8, 1e9].map((input_bytes, i) =>
    execution(`s-${i}`, {
      features: { input_bytes },
      used: { memoryBytes: 2 * input_bytes, durationMs: 100 + input_bytes / 5e5 },
    }),
  )
  for (const risk of [0, 0.5, 1]) {
    const query = queryOf({ features: { input_bytes: 1e7 }, policy: { risk } })
    expect(estimateOf(query, evidenceOf(bySize)).resources.memoryBytes).toBeLessThan(1e8)
  }
})
