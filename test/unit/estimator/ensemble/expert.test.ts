import { expect, test } from 'vitest'
import { experts, member } from '../../../../services/estimator/domain/ensemble/expert.ts'

test('a strategy competes under four weightings, which start alike', () => {
  expect(experts).toEqual([
    { weighting: 'slow', isLocal: false },
    { weighting: 'fast', isLocal: false },
    { weighting: 'slowLocal', isLocal: true },
    { weighting: 'fastLocal', isLocal: true },
  ])
  const { scores } = member('p95', { observe() {}, predict: () => 1 })
  expect([...scores]).toEqual([0, 0, 0, 0])
})
