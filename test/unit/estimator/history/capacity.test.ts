import { expect, test } from 'vitest'
import { firstCapacity, largerCapacity } from '../../../../services/estimator/domain/history/capacity.ts'

test('arrays are full with the executions that a profile keeps by default, and grow by half at least', () => {
  const capacities = [firstCapacity]
  for (let i = 0; i < 12; i++) capacities.push(largerCapacity(capacities.at(-1) as number))
  expect(capacities.slice(0, 4)).toEqual([32, 64, 96, 144])
  for (const [i, capacity] of capacities.entries())
    expect(capacity).toBeGreaterThanOrEqual(Math.floor(1.5 * (capacities[i - 1] ?? 0)))
})
