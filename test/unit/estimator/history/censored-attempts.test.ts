import { expect, test } from 'vitest'
import {
  addCensored,
  type CensoredAttempt,
  highestCensored,
  settleCensored,
} from '../../../../services/estimator/domain/history/censored-attempts.ts'

const killedAt = (...amounts: readonly number[]): CensoredAttempt[] => {
  const attempts: CensoredAttempt[] = []
  for (const amount of amounts) addCensored(attempts, amount, 1, undefined)
  return attempts
}

test('of one execution only the latest attempt counts: it had more than those before', () => {
  const attempts = killedAt(10, 12)
  addCensored(attempts, 20, 2, undefined)
  expect(attempts.map(({ above }) => above)).toEqual([10, 20])
  addCensored(attempts, 40, 3, undefined)
  expect(attempts.map(({ above }) => above)).toEqual([10, 40])
})

test('an attempt that had less than the one before it was of another execution', () => {
  const attempts = killedAt(10)
  addCensored(attempts, 9, 2, undefined)
  expect(attempts.map(({ above }) => above)).toEqual([10, 9])
})

test('an execution that is started again with the same counts once, and is taken out whole when it comes back', () => {
  const attempts = killedAt(10)
  addCensored(attempts, 10, 2, undefined)
  addCensored(attempts, 10, 3, undefined)
  expect(attempts.map(({ above }) => above)).toEqual([10])
  settleCensored(attempts, 12, 4)
  expect(attempts).toEqual([])
})

test('an attempt in between that was lost hides no kill of its execution', () => {
  const attempts = killedAt(10)
  addCensored(attempts, 20, 3, undefined)
  expect(attempts.map(({ above }) => above)).toEqual([20])
  settleCensored(attempts, 30, 5)
  expect(attempts).toEqual([])
})

test('what was the attempt before is taken out, not what was killed with the same', () => {
  const attempts = killedAt(8)
  addCensored(attempts, 10, 1, undefined)
  addCensored(attempts, 10, 2, undefined)
  expect(attempts.map(({ above }) => above)).toEqual([10, 10])
})

test('an execution that succeeds takes out what its own attempt before was killed at, the latest first', () => {
  const attempts = killedAt(10, 20)
  settleCensored(attempts, 50, 2)
  expect(attempts.map(({ above }) => above)).toEqual([10])
  addCensored(attempts, 30, 2, undefined)
  settleCensored(attempts, 50, 3)
  expect(attempts).toEqual([])
})

test('an attempt that was killed above the need of the success was of another execution', () => {
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
  // 0.8 each time: 0.8¹³ is 0.055, 0.8¹⁴ is below 0.05.
  expect(weights.slice(0, 2)).toEqual([0.8, expect.closeTo(0.64, 12)])
  expect(weights.length).toBe(14)
})

test('only the latest 16 attempts are kept', () => {
  const attempts = killedAt(...Array.from({ length: 1000 }, (_, i) => i + 1))
  expect(attempts.length).toBe(16)
  expect(attempts.at(-1)?.above).toBe(1000)
  expect(highestCensored(attempts)).toBe(1000)
})

test('the highest is the largest amount that an attempt was killed at, if any was', () => {
  expect(highestCensored(killedAt(20, 60, 40))).toBe(60)
  expect(highestCensored([])).toBeUndefined()
})
