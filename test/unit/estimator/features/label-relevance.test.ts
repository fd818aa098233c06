import { expect, test } from 'vitest'
import { encoder } from '../../../../services/estimator/domain/features/encoder.ts'
import { labelRelevance } from '../../../../services/estimator/domain/features/label-relevance.ts'

test('the most informative label is the one whose values part the needs; a name that never repeats explains nothing', () => {
  const relevance = labelRelevance()
  const { encode } = encoder()
  for (let i = 0; i < 40; i++) {
    const labels = { sample: `s${i}`, queue: 'batch', genome: i % 2 === 0 ? 'human' : 'yeast' }
    relevance.observe(encode({}, labels, true), i % 2 === 0 ? 4e9 : 1e9)
  }
  expect(relevance.mostInformative()).toBe('genome')
})
