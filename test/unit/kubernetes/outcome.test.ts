import { expect, test } from 'vitest'
import { outcomeOf } from '../../../services/kubernetes/domain/outcome.ts'
import type { PodStatus } from '../../../services/kubernetes/domain/pod.ts'

const ended = (exitCode: number, reason?: string): PodStatus => ({
  containerStatuses: [{ name: 'main', state: { terminated: { exitCode, reason } } }],
})
const disrupted = (reason: string) => [{ type: 'DisruptionTarget', status: 'True', reason }]

test.each([
  ['succeeded', ended(0)],
  ['failed', ended(1, 'Error')],
  ['out-of-memory', ended(137, 'OOMKilled')],
  ['out-of-memory', { ...ended(137, 'OOMKilled'), reason: 'Evicted' }],
  ['evicted', { ...ended(137, 'Error'), reason: 'Evicted' }],
  ['evicted', { ...ended(143, 'Error'), conditions: disrupted('PreemptionByScheduler') }],
  ['lost', { phase: 'Failed', conditions: disrupted('DeletionByTaintManager') }],
  ['timed-out', { ...ended(143, 'Error'), reason: 'DeadlineExceeded' }],
  ['succeeded', { ...ended(0), reason: 'Evicted' }],
  [undefined, { phase: 'Running', containerStatuses: [{ name: 'main', state: {} }] }],
])('%s', (outcome, status) => {
  expect(outcomeOf({ status }, 'main')).toBe(outcome)
})

test('a Pod that was deleted while it ran is cancelled', () => {
  const pod = { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' }, status: ended(143, 'Error') }
  expect(outcomeOf(pod, 'main')).toBe('cancelled')
})
