import { expect, test } from 'vitest'
import { member } from '../../../../services/estimator/domain/ensemble/expert.ts'

test('a strategy competes under four weightings, which start alike', () => {
  const { experts } = member('p95', { observe() {}, predict: () => 1 })
  expect(experts).toEqual([
    { weighting: 'slow', isLocal: false, forgetsFast: false, logScore: 0 },
    { weighting: 'fast', isLocal: false, forgetsFast: true, logScore: 0 },
    { weighting: 'slowLocal', isLocal: true, forgetsFast: false, logScore: 0 },
    { weighting: 'fastLocal', isLocal: true, forgetsFast: true, logScore: 0 },
  ])
})
