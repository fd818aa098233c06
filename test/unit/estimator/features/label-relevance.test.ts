import { expect, test } from 'vitest'
import { encoder } from '../../../../services/estimator/domain/features/encoder.ts'
import { labelRelevance } from '../../../../services/estimator/domain/features/label-relevance.ts'
import { pointAt } from '../../../support/points.ts'

test('the most informative label is the one whose values part the needs; a name that never repeats explains nothing', () => {
  const relevance = labelRelevance()
  const { encode } = encoder()
  for (let i = 0; i < 40; i++) {
    const labels = { sample: `s${i}`, queue: 'batch', genome: i % 2 === 0 ? 'human' : 'yeast' }
    relevance.observe(encode({}, labels, true), i % 2 === 0 ? 4e9 : 1e9)
  }
  expect(relevance.mostInformative()).toBe('genome')
})

/** Four executions of each value: ln(need) is 0 or 1 evenly, for the second value `apart` more. */
const twoValues = (label: string, apart: number) =>
  [0, 1, 0, 1, apart, 1 + apart, apart, 1 + apart].map((y, i) => [{ [label]: i < 4 ? 'a' : 'b' }, y] as const)

function relevanceAfter(executions: readonly (readonly [labels: Record<string, string>, y: number])[]) {
  const relevance = labelRelevance()
  for (const [labels, y] of executions) relevance.observe(pointAt([], labels), Math.exp(y))
  return relevance.mostInformative()
}

test('a label has to explain more than 12 % of the variance, adjusted for its number of values', () => {
  // 1 − (2 / 6) / ((2 + 2 · apart²) / 7) = 0.104 and 0.142
  expect(relevanceAfter(twoValues('genome', 0.55))).toBeUndefined()
  expect(relevanceAfter(twoValues('genome', 0.6))).toBe('genome')
})

test('a later label has to explain 0.02 more', () => {
  // 0.417 against 0.428, and against 0.456
  expect(relevanceAfter([...twoValues('genome', 1), ...twoValues('aligner', 1.02)])).toBe('genome')
  expect(relevanceAfter([...twoValues('genome', 1), ...twoValues('aligner', 1.07)])).toBe('aligner')
})

test('a label of one value explains nothing, nor one with fewer than three executions more than values', () => {
  const parting = (count: number) =>
    Array.from({ length: count }, (_, i) => [{ genome: i % 2 === 0 ? 'a' : 'b' }, i % 2] as const)
  expect(relevanceAfter(parting(4))).toBeUndefined()
  expect(relevanceAfter(parting(5))).toBe('genome')
  expect(relevanceAfter(parting(20).map(([, y]) => [{ genome: 'a' }, y] as const))).toBeUndefined()
})

test('needs that differ by less than rounding errors have nothing to explain', () => {
  const executions = Array.from(
    { length: 10 },
    (_, i) => [{ genome: i % 2 === 0 ? 'a' : 'b' }, 20 + 1e-6 * (i % 2)] as const,
  )
  expect(relevanceAfter(executions)).toBeUndefined()
})

test('at most 16 labels are followed', () => {
  const among = (others: number) =>
    Array.from({ length: 10 }, (_, i) => {
      const uninformative = Array.from({ length: others }, (_, n) => [`label-${10 + n}`, 'same'])
      return [{ ...Object.fromEntries(uninformative), 'the-last': i % 2 === 0 ? 'a' : 'b' }, i % 2] as const
    })
  expect(relevanceAfter(among(15))).toBe('the-last')
  expect(relevanceAfter(among(16))).toBeUndefined()
})

test('there is none before anything was seen', () => {
  expect(labelRelevance().mostInformative()).toBeUndefined()
})
