import { expect, test } from 'vitest'
import {
  addCensored,
  type CensoredAttempt,
  highestCensored,
  settleCensored,
} from '../../../../services/estimator/domain/history/censored-attempts.ts'

const killedAt = (...amounts: readonly number[]): CensoredAttempt[] => {
  const attempts: CensoredAttempt[] = []
  for (const amount of amounts) addCensored(attempts, amount)
  return attempts
}

test('an execution that succeeds takes out what its own attempts were killed at, the latest first', () => {
  const attempts = killedAt(10, 20, 40)
  settleCensored(attempts, 50, 3)
  expect(attempts.map(({ above }) => above)).toEqual([10])
})

test('an attempt that was killed at or above the need of the success was of another execution', () => {
  const attempts = killedAt(10, 60)
  settleCensored(attempts, 50, 2)
  expect(attempts.map(({ above }) => above)).toEqual([60])
})

test('attempts of executions that never come back fade and are forgotten', () => {
  const attempts = killedAt(10, 20)
  const weights: number[] = []
  for (let back = 0; back < 100 && attempts.length > 0; back++) {
    settleCensored(attempts, 5, 1)
    weights.push(attempts[0]?.weight ?? 0)
  }
  expect(attempts).toEqual([])
  expect(weights).toEqual([...weights].sort((a, b) => b - a))
})

test('only the latest attempts are kept', () => {
  const attempts = killedAt(...Array.from({ length: 1000 }, (_, i) => i + 1))
  expect(attempts.length).toBeLessThan(50)
  expect(attempts.at(-1)?.above).toBe(1000)
  expect(highestCensored(attempts)).toBe(1000)
})

test('without a killed attempt there is no highest', () => {
  expect(highestCensored([])).toBeUndefined()
})
