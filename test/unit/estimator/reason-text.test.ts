import { expect, test } from 'vitest'
import type { Evidence } from '../../../services/estimator/domain/estimate/context.ts'
import type { Basis, Lacking, Reason } from '../../../services/estimator/domain/estimate/reasons.ts'
import { reasonText } from '../../../services/estimator/reason-text.ts'
import { dimensions } from '../../../shared/domain/resources.ts'
import { execution, profileOf } from '../../support/histories.ts'
import { defaultSettings, estimateOf, evidenceOfTask, learned, queryOf } from '../../support/queries.ts'

test('says why a history does not answer', () => {
  const history = [1, 2, 3].map((i) => execution(`e-${i}`, { used: { memoryBytes: 1e9 } }))
  const query = queryOf({ requested: { memoryBytes: 4e9 } })
  const reason = (evidence: Evidence, strategy?: string, minExecutions = 1) => {
    const policy = strategy === undefined ? {} : { strategies: [strategy] }
    const settings = { ...defaultSettings, minExecutions }
    return estimateOf({ ...query, policy }, evidence, { settings }).reason
  }
  const known = evidenceOfTask(learned(profileOf(history)))
  const unknown = { task: undefined, similar: [], isUnreachable: false }
  expect(reason(unknown)).toMatch(/^no history: what was requested/)
  expect(reason(known, 'ridge')).toMatch(/^none of the strategies asked .* after 3 executions: what was/)
  expect(reason(known, undefined, 5)).toMatch(/^3 executions of at least 5: what was requested/)
})

const memory = { dimension: 'memoryBytes' } as const
const ownHistory = { kind: 'own-history', executions: 30, strategy: 'p95' } as const

test.each<[Reason, RegExp]>([
  [{ ...ownHistory, isChanging: false, exceeding: 0 }, /^30 executions, mostly by p95$/],
  [
    { ...ownHistory, isChanging: true, exceeding: 0 },
    /^30 executions, its needs are changing, mostly by p95$/,
  ],
  [
    { ...ownHistory, isChanging: false, exceeding: 2 },
    /^30 executions, mostly by p95; 2 running executions use more/,
  ],
  [
    { ...ownHistory, executions: 1, isChanging: false, exceeding: 1 },
    /^1 execution, mostly by p95; 1 running execution uses more/,
  ],
  [
    { ...ownHistory, isChanging: false, exceeding: 0, failure: { failurePrice: 238.4, tailChance: 0.0135 } },
    /; a failure is priced as 240 runs, and 1.4 % need more than the largest seen$/,
  ],
  [
    { ...ownHistory, isChanging: false, exceeding: 0, failure: { failurePrice: 9.9e9, tailChance: 0.2 } },
    /; a failure is priced as over 1000 runs, and 20.0 % need more than the largest seen$/,
  ],
  [{ kind: 'previous-had', ...memory, had: 3e9, before: 1, after: 3e9 }, /^the attempt before had 2.79 GiB$/],
  [{ kind: 'nothing-known' }, /^nothing is known$/],
  [
    { kind: 'retry', dimension: 'durationMs', failed: 7e6, before: 1, after: 9e6 },
    /^the attempt before was killed at 117 min$/,
  ],
  [
    { kind: 'others-killed', ...memory, failed: 2 ** 20, before: 1, after: 9 },
    /^others were killed at 1.00 MiB$/,
  ],
  [{ kind: 'running-use-more', ...memory, before: 1, after: 9 }, /^running executions use more already$/],
  [
    { kind: 'clamped', ...memory, clamp: { kind: 'policy-max', before: 57_123_456, after: 2 ** 25 } },
    /^policy-max put 54.5 MiB to 32.0 MiB$/,
  ],
  [
    { kind: 'clamped', dimension: 'cpuCores', clamp: { kind: 'limit', before: 64.12345, after: 32 } },
    /^limit put 64.1 to 32.0$/,
  ],
  [
    { kind: 'overhead', overhead: { memoryBytes: 150e6, durationMs: 1500, diskBytes: undefined } },
    /^143 MiB of memory, 1.50 s of time added for what wraps the task$/,
  ],
  [
    {
      kind: 'left-out',
      faults: [
        ['ridge', 'its breaker is open'],
        ['p95', 'answered NaN'],
      ],
    },
    /^left out: ridge \(its breaker is open\), p95 \(answered NaN\)$/,
  ],
  [{ kind: 'profiler-unreachable' }, /^the profiler did not answer$/],
])('%o reads as a sentence', (reason, sentence) => {
  expect(reasonText([reason])).toMatch(sentence)
})

const cohort: Basis = { kind: 'cohort', name: 'tool=bwa', tasks: 3, ofRequest: false }

test.each<[Lacking, Basis, string]>([
  [{ kind: 'no-history' }, cohort, 'no history: what 3 tasks of tool=bwa use'],
  [
    { kind: 'few-executions', executions: 2, needed: 5 },
    { ...cohort, ofRequest: true },
    '2 executions of at least 5: what 3 tasks of tool=bwa use of what they request',
  ],
  [
    { kind: 'strategies-abstain', executions: 4 },
    { kind: 'namespace', name: 'default', tasks: 9, ofRequest: false },
    'none of the strategies asked has anything to say after 4 executions: what 9 tasks of the namespace default use',
  ],
  [{ kind: 'no-history' }, { kind: 'request' }, 'no history: what was requested'],
  [
    { kind: 'no-history' },
    { kind: 'default' },
    'no history: the configured default, since nothing was requested',
  ],
])('%o with %o reads as why and from what', (lacking, basis, sentence) => {
  expect(reasonText([{ kind: 'without-own-history', lacking, basis }])).toBe(sentence)
})

test('what raised an amount comes first, the last of it before the others; then the history, then the bounds', () => {
  expect(
    reasonText([
      { kind: 'without-own-history', lacking: { kind: 'no-history' }, basis: { kind: 'request' } },
      { kind: 'others-killed', ...memory, failed: 700, before: 1, after: 900 },
      { kind: 'running-use-more', ...memory, before: 900, after: 1000 },
      { kind: 'clamped', ...memory, clamp: { kind: 'limit', before: 1000, after: 500 } },
      { kind: 'profiler-unreachable' },
    ]),
  ).toBe(
    'running executions use more already; others were killed at 700 B; no history: what was requested; limit put 1000 B to 500 B; the profiler did not answer',
  )
  expect(
    reasonText([
      { ...ownHistory, isChanging: false, exceeding: 0 },
      { kind: 'retry', ...memory, failed: 700, before: 1, after: 900 },
    ]),
  ).toBe('the attempt before was killed at 700 B; 30 executions, mostly by p95')
})

test('no amount, however large, makes a sentence long', () => {
  const most = Number.MAX_VALUE
  const reasons: readonly Reason[] = dimensions.flatMap((dimension) => [
    { kind: 'retry', dimension, failed: most, before: most, after: most },
    { kind: 'previous-had', dimension, had: most, before: most, after: most },
    { kind: 'others-killed', dimension, failed: most, before: most, after: most },
    { kind: 'clamped', dimension, clamp: { kind: 'policy-max', before: most, after: most } },
    { kind: 'overhead', overhead: { [dimension]: most } },
    { ...ownHistory, isChanging: true, exceeding: 9, failure: { failurePrice: most, tailChance: 1 } },
  ])
  for (const reason of reasons) expect(reasonText([reason]).length).toBeLessThan(200)
})
