import { expect, test } from 'vitest'
import {
  capacityFor,
  firstCapacity,
  largerCapacity,
} from '../../../../services/estimator/domain/history/capacity.ts'

test('arrays are full with the executions that a profile keeps by default, and grow by half at least', () => {
  const capacities = [firstCapacity]
  for (let i = 0; i < 12; i++) capacities.push(largerCapacity(capacities.at(-1) as number))
  expect(capacities.slice(0, 4)).toEqual([32, 64, 96, 144])
  for (const [i, capacity] of capacities.entries())
    expect(capacity).toBeGreaterThanOrEqual(Math.floor(1.5 * (capacities[i - 1] ?? 0)))
})

test('the room for executions that are known to come is what it would be had they come one by one', () => {
  let capacity = firstCapacity
  for (let executions = 0; executions <= 500; executions++) {
    if (executions > capacity) capacity = largerCapacity(capacity)
    expect(capacityFor(executions)).toBe(capacity)
  }
})
