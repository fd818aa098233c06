import { expect, test } from 'vitest'
import { medianHeld, useOf } from '../../../../services/profiler/domain/use.ts'
import type { ExecutionRecord } from '../../../../shared/domain/execution.ts'
import { recordOf } from '../../../support/executions.ts'

const run = (memoryBytes: number, durationMs: number, given: Partial<ExecutionRecord> = {}) =>
  recordOf(`e${memoryBytes}-${durationMs}`, { memoryBytes, durationMs }, given)

test('what was held beyond the use is wasted for the run time, by weight', () => {
  const use = useOf(
    [
      run(60, 10, { allocated: { memoryBytes: 100 }, requested: { memoryBytes: 400 } }),
      run(50, 5, { allocated: { memoryBytes: 80 }, weight: 2 }),
    ],
    'memoryBytes',
  )
  expect(use?.allocated).toEqual({ executions: 3, amount: 1000 + 800, used: 600 + 500, wasted: 400 + 300 })
  expect(use?.requested).toEqual({ executions: 1, amount: 4000, used: 600, wasted: 3400 })
})

test('of a run killed for want of it, all of an amount that was no more than it had is wasted', () => {
  const killed = { outcome: 'out-of-memory', allocated: { memoryBytes: 100 } } as const
  const wasted = (requested: number) =>
    useOf([run(95, 10, { ...killed, requested: { memoryBytes: requested } })], 'memoryBytes')
  expect(wasted(80)?.allocated?.wasted).toBe(1000)
  expect(wasted(80)?.requested?.wasted).toBe(800)
  expect(wasted(200)?.requested?.wasted).toBe((200 - 95) * 10)
})

test('an execution whose amount, use or run time is not known counts nowhere', () => {
  const held = { allocated: { memoryBytes: 100 }, requested: {} }
  expect(useOf([recordOf('a', { memoryBytes: 1 }, held)], 'memoryBytes')).toBeUndefined()
  expect(useOf([recordOf('a', { durationMs: 1 }, held)], 'memoryBytes')).toBeUndefined()
  expect(useOf([run(1, 1)], 'memoryBytes')).toBeUndefined()
  expect(useOf([run(1, 1, held)], 'memoryBytes')?.requested).toBeUndefined()
})

test('of the duration nothing is held', () => {
  expect(useOf([run(1, 10, { allocated: { durationMs: 20 } })], 'durationMs')).toBeUndefined()
})

test('the median is of those that say what they were given, by weight', () => {
  const given = (memoryBytes: number, weight = 1) => run(1, 1, { allocated: { memoryBytes }, weight })
  const median = (...records: ExecutionRecord[]) => medianHeld(records, 'allocated', 'memoryBytes')
  expect(median(run(1, 1))).toBeUndefined()
  expect(median(given(3), given(1), given(2), run(1, 1))).toBe(2)
  expect(median(given(3, 10), given(1), given(2))).toBe(3)
  expect(medianHeld([given(3)], 'requested', 'memoryBytes')).toBeUndefined()
})
