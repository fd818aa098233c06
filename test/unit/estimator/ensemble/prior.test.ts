import { expect, test } from 'vitest'
import { censoredPriors } from '../../../../services/estimator/domain/ensemble/prior.ts'

test('the prior of a killed attempt lies above it, and counts for less the more executions were observed', () => {
  const attempts = [{ above: 1e9, weight: 1 }]
  const shareAmong = (observed: number) => censoredPriors(attempts, observed)[0]?.share ?? 0
  expect(censoredPriors(attempts, 0)[0]?.at).toBeGreaterThan(Math.log(1e9))
  expect(shareAmong(0)).toBeGreaterThan(shareAmong(5))
  expect(shareAmong(5)).toBeGreaterThan(shareAmong(50) - 1e-12)
})
