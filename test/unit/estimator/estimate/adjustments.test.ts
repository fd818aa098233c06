import { expect, test } from 'vitest'
import { cohortOf, execution, linearHistory, profileOf } from '../../../support/histories.ts'
import { estimateOf, evidenceOfTask, learned, queryOf } from '../../../support/queries.ts'

const memoryOf = (...args: Parameters<typeof estimateOf>) =>
  estimateOf(...args).dimensions.find(({ dimension }) => dimension === 'memoryBytes')

test('what other executions of the task were killed at raises an answer without history alike at every risk', () => {
  const cohort = learned(cohortOf('tool=x', [1e3, 1e6, 1e8, 1.45e9]))
  const killed = execution('killed', { outcome: 'out-of-memory', allocated: { memoryBytes: 1e9 }, used: {} })
  const evidence = { task: learned(profileOf([killed])), similar: [cohort], isUnreachable: false }
  const amounts = Array.from(
    { length: 21 },
    (_, i) => memoryOf(queryOf({ policy: { risk: i / 20 } }), evidence)?.allocation ?? 0,
  )
  expect(amounts).toEqual(amounts.toSorted((a, b) => a - b))
  expect(amounts[0]).toBeGreaterThan(1e9)
})

test('a retry goes above what failed, even where the query does not count its attempts', () => {
  const evidence = evidenceOfTask(learned(profileOf(linearHistory(10))))
  const retry = (attempt: number) =>
    estimateOf(
      queryOf({ attempt, previousOutcome: 'out-of-memory', previousAllocation: { memoryBytes: 5e9 } }),
      evidence,
    )
  expect(retry(1).resources.memoryBytes).toBeGreaterThan(5e9)
  expect(retry(1).resources).toEqual(retry(2).resources)
})

test('a retry reaches the target coverage too, where what failed was not beyond anything predicted', () => {
  const history = [1, 2].map((i) => execution(`r-${i}`, { used: { memoryBytes: 1e9 } }))
  const evidence = evidenceOfTask(learned(profileOf(history)))
  const memoryAfter = (failed: number) =>
    memoryOf(
      queryOf({
        attempt: 2,
        previousOutcome: 'out-of-memory',
        previousAllocation: { memoryBytes: failed },
        policy: { targetCoverage: 0.95 },
      }),
      evidence,
    )
  expect(memoryAfter(1.02e9)?.confidence).toBeGreaterThanOrEqual(0.95)
  expect(memoryAfter(1e11)?.allocation).toBeCloseTo(1.3e11, -3)
})
