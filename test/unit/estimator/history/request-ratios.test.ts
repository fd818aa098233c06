import { expect, test } from 'vitest'
import { requestRatios } from '../../../../services/estimator/domain/history/request-ratios.ts'
import { type CohortMember, summarise } from '../../../../shared/domain/cohort.ts'
import { execution } from '../../../support/histories.ts'

/** A task whose executions each used so much of a request of 4 GB. */
const taskUsing = (name: string, shares: readonly number[]): CohortMember =>
  summarise(
    name,
    1,
    shares.map((share, i) =>
      execution(`${name}-${i}`, { requested: { memoryBytes: 4e9 }, used: { memoryBytes: share * 4e9 } }),
    ),
  )

const tasks = (count: number, executions: number, share: number) =>
  Array.from({ length: count }, (_, i) => taskUsing(`t${i}`, new Array<number>(executions).fill(share)))

test('is the largest need over request of all tasks, with 15 % on top', () => {
  const members = [...tasks(7, 7, 0.3), taskUsing('hungry', [0.5, 0.5, 0.5, 0.8])]
  expect(requestRatios(members).memoryBytes).toEqual({ largest: expect.closeTo(1.15 * 0.8, 9), tasks: 8 })
})

test('is the request itself where some needed nearly all of theirs, or all, and nobody more', () => {
  for (const share of [0.9, 1])
    expect(requestRatios([...tasks(8, 7, 0.3), taskUsing('all', [share])]).memoryBytes?.largest).toBe(1)
  expect(requestRatios([...tasks(8, 7, 0.3), taskUsing('more', [1.01])]).memoryBytes?.largest).toBeCloseTo(
    1.1615,
    9,
  )
})

test('is unset of fewer than eight tasks or twenty executions, and where a need was far above its request', () => {
  expect(requestRatios(tasks(7, 50, 0.5))).toEqual({})
  expect(requestRatios([...tasks(7, 2, 0.5), taskUsing('last', new Array<number>(5).fill(0.5))])).toEqual({})
  expect(requestRatios(tasks(10, 2, 0.5)).memoryBytes?.largest).toBeCloseTo(0.575, 9)
  expect(requestRatios([...tasks(8, 7, 0.5), taskUsing('over', [1.2])])).toEqual({})
  expect(requestRatios([...tasks(8, 7, 0.5), taskUsing('just', [1.17])]).memoryBytes?.largest).toBeCloseTo(
    1.3455,
    9,
  )
})

test('counts only executions whose request is known', () => {
  const unknown = summarise('unknown', 1, [execution('u', { used: { memoryBytes: 9e9 } })])
  expect(requestRatios([...tasks(8, 7, 0.5), unknown]).memoryBytes?.largest).toBeCloseTo(0.575, 9)
})

test('tasks that never needed a hundred-thousandth of their requests, as in another unit, do not count', () => {
  expect(requestRatios(tasks(8, 7, 0.9e-5))).toEqual({})
  expect(requestRatios(tasks(8, 7, 1.1e-5)).memoryBytes?.largest).toBeCloseTo(1.265e-5, 9)
  expect(requestRatios([...tasks(7, 7, 0.3), taskUsing('petabyte', [1e-6])])).toEqual({})
})
