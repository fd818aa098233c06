import { expect, test } from 'vitest'
import { nearestNeighbours } from '../../../../services/estimator/domain/strategies/nearest-neighbours.ts'
import { learnerAfter, neighboursAt, surroundingsWith } from '../../../support/learners.ts'
import { pointAt } from '../../../support/points.ts'

const prediction = (k: number, ...found: readonly (readonly [distance: number, need: number])[]) =>
  learnerAfter(
    nearestNeighbours(k),
    [],
    surroundingsWith({ neighbours: () => neighboursAt(...found) }),
  ).predict(pointAt([1]))

test('is the geometric mean of the nearest, weighted by 1 / (distance + 0.01)', () => {
  // 100 and 50 are the weights.
  expect(prediction(3, [0, 1], [0.01, 1000])).toBeCloseTo(10, 9)
  expect(prediction(3, [0, 1], [0, 10], [0, 100], [0, 1e9])).toBeCloseTo(10, 9)
  expect(prediction(1, [0, 5], [0, 10])).toBeCloseTo(5, 9)
})

test('abstains without neighbours', () => {
  expect(prediction(3)).toBeUndefined()
})
