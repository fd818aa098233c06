import { expect, test } from 'vitest'
import { noticeText } from '../../../cli/notice-text.ts'
import { type Notice, type NoticeKind, noticeKinds } from '../../../shared/domain/estimate.ts'

const notice = (kind: NoticeKind, more: Partial<Notice> = {}): Notice => ({ kind, nearest: [], ...more })

test.each<[Notice, string]>([
  [notice('beyond-range', { subject: 'input_bytes', number: 3.2 }), 'input_bytes is 3.2 × the largest seen'],
  [
    notice('beyond-range', { subject: 'input_bytes', number: 3.2, dimension: 'diskBytes' }),
    'input_bytes is 3.2 × the largest that disk was learned from',
  ],
  [
    notice('beyond-range', { subject: 'input_bytes', number: 1.0001 }),
    'input_bytes is just above the largest seen',
  ],
  [
    notice('unknown-feature', { subject: 'input_byte', nearest: ['input_bytes'] }),
    'input_byte is not a feature of sort: did you mean input_bytes?',
  ],
  [
    notice('missing-feature', { subject: 'input_bytes' }),
    'every execution of sort had the feature input_bytes, and this one lacks it',
  ],
  [notice('unknown-label', { subject: 'colour' }), 'colour is not a label of sort'],
  [
    notice('missing-label', { subject: 'tool' }),
    'every execution of sort had the label tool, and this one lacks it',
  ],
  [
    notice('unknown-task', { subject: 'sort', nearest: ['sorted', 'sorts'] }),
    'sort was never seen: did you mean sorted or sorts?',
  ],
  [notice('few-executions', { number: 3 }), 'only 3 executions were learned from'],
  [notice('few-executions', { number: 1 }), 'only 1 execution was learned from'],
  [notice('stale-view', { number: 300_000 }), 'the estimator last heard from the profiler 5.00 min ago'],
  [
    notice('clamped', { number: 2 ** 30, dimension: 'memoryBytes' }),
    'memory would be 1.00 GiB without its bounds',
  ],
])('%j reads as a sentence', (given, sentence) => {
  expect(noticeText(given, 'sort')).toBe(sentence)
})

test('every kind has a sentence of its own', () => {
  expect(new Set(noticeKinds.map((kind) => noticeText(notice(kind), 'sort'))).size).toBe(noticeKinds.length)
})
