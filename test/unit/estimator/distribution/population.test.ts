import { expect, test } from 'vitest'
import { populations, shareAbove } from '../../../../services/estimator/domain/distribution/population.ts'

test.each(Object.entries(populations))('of tasks half need more %s than the median', (_, population) => {
  expect(shareAbove(population, population.median)).toBe(0.5)
})

test('a quarter need less than 3^scale below the median, a quarter more than that above it', () => {
  const population = { median: 100, scale: 2 }
  expect(shareAbove(population, 100 / 9)).toBeCloseTo(0.75, 12)
  expect(shareAbove(population, 100 * 9)).toBeCloseTo(0.25, 12)
  expect(shareAbove(population, 0)).toBe(1)
})
