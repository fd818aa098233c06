import { expect, test } from 'vitest'
import { maxOfNeighbours } from '../../../../services/estimator/domain/strategies/max-of-neighbours.ts'
import { learnerAfter, neighboursAt, surroundingsWith } from '../../../support/learners.ts'
import { pointAt } from '../../../support/points.ts'

const prediction = (...needs: readonly number[]) =>
  learnerAfter(
    maxOfNeighbours,
    [],
    surroundingsWith({ neighbours: () => neighboursAt(...needs.map((need) => [0, need] as const)) }),
  ).predict(pointAt([1]))

test('is the largest need of the five nearest', () => {
  expect(prediction(3, 9, 1)).toBe(9)
  expect(prediction(1, 2, 3, 4, 5, 6, 7)).toBe(5)
})

test('abstains without neighbours', () => {
  expect(prediction()).toBeUndefined()
})
