import { expect, test } from 'vitest'
import {
  type BoundBelow,
  boundPriors,
  highestBound,
  noteBound,
  settleBounds,
} from '../../../services/estimator/domain/bounds-below.ts'

const noted = (...bounds: readonly number[]): BoundBelow[] => {
  const all: BoundBelow[] = []
  for (const bound of bounds) noteBound(all, bound)
  return all
}

test('an execution that comes back takes out what its own attempts were killed at, the latest first', () => {
  const bounds = noted(10, 20, 40)
  settleBounds(bounds, 50, 3)
  expect(bounds.map(({ bound }) => bound)).toEqual([10])
})

test('a bound at or above the need that came back was of another execution', () => {
  const bounds = noted(10, 60)
  settleBounds(bounds, 50, 2)
  expect(bounds.map(({ bound }) => bound)).toEqual([60])
})

test('bounds of executions that never come back fade and are forgotten', () => {
  const bounds = noted(10, 20)
  const weights: number[] = []
  for (let back = 0; back < 100 && bounds.length > 0; back++) {
    settleBounds(bounds, 5, 1)
    weights.push(bounds[0]?.weight ?? 0)
  }
  expect(bounds).toEqual([])
  expect(weights).toEqual([...weights].sort((a, b) => b - a))
})

test('no more bounds are held than some', () => {
  const bounds = noted(...Array.from({ length: 1000 }, (_, i) => i + 1))
  expect(bounds.length).toBeLessThan(50)
  expect(bounds.at(-1)?.bound).toBe(1000)
  expect(highestBound(bounds)).toBe(1000)
})

test('what a killed attempt says lies above it, and counts for less the more executions were observed', () => {
  const bounds = noted(1e9)
  const shareAmong = (observed: number) => boundPriors(bounds, observed)[0]?.share ?? 0
  expect(boundPriors(bounds, 0)[0]?.shift).toBeGreaterThan(Math.log(1e9))
  expect(shareAmong(0)).toBeGreaterThan(shareAmong(5))
  expect(shareAmong(5)).toBeGreaterThan(shareAmong(50) - 1e-12)
  expect(highestBound([])).toBe(0)
})
