import { expect, test } from 'vitest'
import { encoder } from '../../../../services/estimator/domain/features/encoder.ts'
import { featureRelevance } from '../../../../services/estimator/domain/features/feature-relevance.ts'
import { pointAt } from '../../../support/points.ts'

test('the most informative feature is the one that goes with the need, however noisy others are', () => {
  const columns = encoder()
  const relevance = featureRelevance()
  for (let i = 1; i <= 30; i++) {
    const features = { noise: Math.sin(i * 99) + 2, size: i * 1e6 }
    relevance.observe(columns.encode(features, {}, true), 1e8 + 3e6 * i)
  }
  const point = columns.encode({ noise: 7, size: 1e6 }, {}, false)

  expect(point.values[relevance.mostInformative() as number]).toBe(1e6)
})

/** Relevance after executions whose needs are the exponentials of `y`. */
function relevanceAfter(
  executions: readonly (readonly [columns: readonly (number | undefined)[], y: number])[],
) {
  const relevance = featureRelevance()
  for (const [columns, y] of executions) relevance.observe(pointAt(columns), Math.exp(y))
  return relevance.mostInformative()
}

/** Executions that have one column only, on which the need depends exactly. */
const perfectIn = (column: number, count: number) =>
  Array.from({ length: count }, (_, i) => {
    const columns = new Array<number | undefined>(column + 1).fill(undefined)
    columns[column] = i
    return [columns, i] as const
  })

test('there is none before any feature was seen; the first one seen is taken until another explains more', () => {
  expect(featureRelevance().mostInformative()).toBeUndefined()
  expect(relevanceAfter([[[undefined], 1]])).toBeUndefined()
  expect(relevanceAfter([[[undefined, 7], 1]])).toBe(1)
})

test('a squared correlation counts n / (n + 2), and a later feature has to score 0.05 more', () => {
  // 3 / 5 against 4 / 6
  expect(relevanceAfter([...perfectIn(0, 3), ...perfectIn(1, 4)])).toBe(1)
  // 4 / 6 against 5 / 7
  expect(relevanceAfter([...perfectIn(0, 4), ...perfectIn(1, 5)])).toBe(0)
})

test('a need that falls with a feature is explained by it as well as one that grows', () => {
  const executions = [0, 1, 2, 3, 4].map((i) => [[i % 2, 4 - i], i] as const)
  expect(relevanceAfter(executions)).toBe(1)
})

test('the correlation is with the logarithm of the need', () => {
  // Of 1, e, e², e³ the second column is linear, the first one is exponential.
  const executions = [0, 1, 2, 3].map((i) => [[Math.exp(3 * i), i], i] as const)
  expect(relevanceAfter(executions)).toBe(1)
})

test('what does not vary, or by less than rounding errors, explains nothing', () => {
  const columns = (i: number) => [5, 1 + 1e-8 * i, i]
  expect(relevanceAfter([0, 1, 2, 3, 4].map((i) => [columns(i), i] as const))).toBe(2)
  expect(relevanceAfter([0, 1, 2, 3, 4].map((i) => [columns(i), 1 + 1e-8 * i] as const))).toBe(0)
  expect(relevanceAfter([0, 1, 2, 3, 4].map((i) => [columns(i).slice(0, 2), i] as const))).toBe(0)
})
