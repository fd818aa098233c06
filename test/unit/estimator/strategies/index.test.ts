import { expect, test } from 'vitest'
import { strategies } from '../../../../services/estimator/domain/strategies/index.ts'

test('every strategy says what it does, in words of its own', () => {
  const descriptions = Object.values(strategies).map(({ describe }) => describe)
  for (const description of descriptions) expect(description).toMatch(/\w+ \w+/)
  expect(new Set(descriptions).size).toBe(descriptions.length)
})
