import { expect, test } from 'vitest'
import { encoder } from '../../../../services/estimator/domain/features/encoder.ts'
import { featureRelevance } from '../../../../services/estimator/domain/features/feature-relevance.ts'

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
