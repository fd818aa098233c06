import { expect, test } from 'vitest'
import type { LearnedProfile } from '../../../../services/estimator/domain/ensemble/learned-profile.ts'
import type { Evidence } from '../../../../services/estimator/domain/estimate/context.ts'
import { staleView } from '../../../../services/estimator/domain/estimate/notices.ts'
import { mostNotices, type Notice, type NoticeKind } from '../../../../shared/domain/estimate.ts'
import type { ExecutionRecord } from '../../../../shared/domain/execution.ts'
import { execution, linearHistory, profileOf } from '../../../support/histories.ts'
import { confidenceOf, estimateOf, evidenceOfTask, learned, queryOf } from '../../../support/queries.ts'

const after = (history: readonly ExecutionRecord[]): Evidence => evidenceOfTask(learned(profileOf(history)))

/** Ten executions of 1 to 10 MB. */
const known = after(linearHistory(10))

const noticesOf = (query: Parameters<typeof queryOf>[0], evidence: Evidence = known) =>
  estimateOf(queryOf(query), evidence).notices

const ofKind = (kind: NoticeKind, notices: readonly Notice[]) =>
  notices.filter((notice) => notice.kind === kind)

test('a query like those learned from carries none', () => {
  expect(noticesOf({ features: { input_bytes: 5e6 } })).toEqual([])
  expect(noticesOf({ features: { input_bytes: 10e6 } })).toEqual([])
})

test('beyond the range: which feature, and how many times the largest', () => {
  expect(noticesOf({ features: { input_bytes: 32e6 } })).toEqual([
    { kind: 'beyond-range', subject: 'input_bytes', number: 3.2, nearest: [] },
  ])
})

test('of several features those that are beyond, the farthest first', () => {
  const history = [1, 2, 3, 4, 5].map((i) => execution(`e-${i}`, { features: { a: i, b: 10 * i, c: -i } }))
  const notices = noticesOf({ features: { a: 10, b: 500, c: 4 } }, after(history))
  expect(notices.map(({ subject, number }) => [subject, number])).toEqual([
    ['b', 10],
    ['a', 2],
  ])
})

test('of another dimension, where that was learned from smaller ones', () => {
  const history = [1, 2, 3, 4, 5, 6, 7, 8].map((i) =>
    execution(`e-${i}`, {
      features: { a: i },
      used: { memoryBytes: 1e9, cpuCores: 1, ...(i <= 2 ? { diskBytes: 1e9, durationMs: 1e3 } : {}) },
    }),
  )
  const beyond = (a: number) => ofKind('beyond-range', noticesOf({ features: { a } }, after(history)))
  expect(beyond(2)).toEqual([])
  expect(beyond(6)).toEqual([
    { kind: 'beyond-range', subject: 'a', number: 3, nearest: [], dimension: 'diskBytes' },
  ])
  expect(beyond(16).map(({ number, dimension }) => [number, dimension])).toEqual([
    [2, undefined],
    [8, 'diskBytes'],
  ])
})

test('an execution that was killed for want of memory says nothing of the range', () => {
  const killed = execution('killed', {
    features: { input_bytes: 100e6 },
    outcome: 'out-of-memory',
    allocated: { memoryBytes: 1e9 },
    used: {},
  })
  const notices = noticesOf({ features: { input_bytes: 32e6 } }, after([...linearHistory(10), killed]))
  expect(notices.map(({ kind, number }) => [kind, number])).toEqual([['beyond-range', 3.2]])
})

test('however far it is, the number is finite', () => {
  const history = [1, 2, 3, 4, 5].map((i) => execution(`e-${i}`, { features: { a: 1e-300 } }))
  const [beyond] = noticesOf({ features: { a: 1e300 } }, after(history))
  expect(Number.isFinite(beyond?.number)).toBe(true)
})

test('a feature that no execution had is unknown, with the nearest that the query lacks; the other is missing', () => {
  expect(noticesOf({ features: { input_byte: 5e6 } })).toEqual([
    { kind: 'unknown-feature', subject: 'input_byte', nearest: ['input_bytes'] },
    { kind: 'missing-feature', subject: 'input_bytes', nearest: [] },
  ])
  expect(noticesOf({ features: { input_byte: 5e6, input_bytes: 5e6 } })).toEqual([
    { kind: 'unknown-feature', subject: 'input_byte', nearest: [] },
  ])
})

test('a feature that some executions lacked is not missing', () => {
  const history = [1, 2, 3, 4, 5].map((i) =>
    execution(`e-${i}`, { features: i === 3 ? { a: 1 } : { a: 1, b: 1 } }),
  )
  expect(noticesOf({}, after(history)).map(({ subject }) => subject)).toEqual(['a'])
})

test('labels likewise, by their name and not by their value', () => {
  const history = [1, 2, 3, 4, 5].map((i) => execution(`e-${i}`, { labels: { tool: `v${i}` } }))
  const evidence = after(history)
  expect(noticesOf({ labels: { tol: 'v1' } }, evidence)).toEqual([
    { kind: 'unknown-label', subject: 'tol', nearest: ['tool'] },
    { kind: 'missing-label', subject: 'tool', nearest: [] },
  ])
  expect(noticesOf({ labels: { tool: 'v9' } }, evidence)).toEqual([])
})

test('an unknown task, with the names that may have been meant; not where it may be known after all', () => {
  const unknown: Evidence = { task: undefined, similar: [], isUnreachable: false, nearestTasks: ['sort'] }
  expect(noticesOf({ task: { namespace: 'default', task: 'srot' } }, unknown)).toEqual([
    { kind: 'unknown-task', subject: 'srot', nearest: ['sort'] },
  ])
  expect(noticesOf({}, { ...unknown, isUnreachable: true })).toEqual([])
})

test('fewer than five executions are few; those that taught nothing do not count', () => {
  const few = (history: readonly ExecutionRecord[]) =>
    ofKind('few-executions', noticesOf({ features: { input_bytes: 1e6 } }, after(history)))
  expect(few(linearHistory(4))).toEqual([
    { kind: 'few-executions', subject: 'demo/task', number: 4, nearest: [] },
  ])
  expect(few(linearHistory(5))).toEqual([])
  const cancelled = [1, 2, 3].map((i) => execution(`c-${i}`, { outcome: 'cancelled' }))
  expect(few([...linearHistory(4), ...cancelled])[0]?.number).toBe(4)
  expect(few(cancelled)[0]?.number).toBe(0)
})

test('of a task from which nothing could be learned no name is unknown and nothing is beyond the range', () => {
  const cancelled = [1, 2, 3].map((i) =>
    execution(`c-${i}`, { outcome: 'cancelled', features: { a: i }, labels: { tool: 'x' } }),
  )
  const { model, ...withoutModel } = learned(profileOf(cancelled))
  const kindsOf = (task: LearnedProfile) =>
    noticesOf({ features: { a: 9, b: 1 }, labels: { other: 'x' } }, evidenceOfTask(task)).map(
      ({ kind }) => kind,
    )
  expect(kindsOf({ ...withoutModel, model })).toEqual(['few-executions'])
  expect(kindsOf(withoutModel)).toEqual([])
})

test('a view is stale once it is older than it may be', () => {
  expect(staleView(60_000, 60_000)).toBeUndefined()
  expect(staleView(60_001, 60_000)).toEqual({ kind: 'stale-view', number: 60_001, nearest: [] })
})

test('an amount that a bound changed, with what it would have been', () => {
  const features = { input_bytes: 5e6 }
  const free = estimateOf(queryOf({ features }), known).resources.memoryBytes
  expect(noticesOf({ features, policy: { max: { memoryBytes: 20e6 } } })).toEqual([
    { kind: 'clamped', number: free, nearest: [], dimension: 'memoryBytes' },
  ])
})

test('a confidence carries the same, but for bounds that do not hold what was given', () => {
  const query = queryOf({ features: { input_byte: 1 }, policy: { max: { memoryBytes: 20e6 } } })
  const kinds = (given: { memoryBytes: number } | undefined) =>
    confidenceOf(query, given, known).notices.map(({ kind }) => kind)
  expect(kinds({ memoryBytes: 1e9 })).toEqual(['unknown-feature', 'missing-feature'])
  expect(kinds(undefined)).toEqual(['unknown-feature', 'missing-feature', 'clamped'])
})

test('never more than an answer may carry, and room for its age', () => {
  const names = (prefix: string) => Object.fromEntries(Array.from({ length: 32 }, (_, i) => [prefix + i, 1]))
  const history = Array.from({ length: 5 }, (_, i) => execution(`e-${i}`, { features: names('a') }))
  const notices = noticesOf({ features: names('b') }, after(history))
  expect(notices).toHaveLength(mostNotices - 1)
  expect(notices.every(({ nearest }) => nearest.length === 0)).toBe(true)
})

test('up to three unknown names may be typing errors; of more, none is', () => {
  const given = (count: number) =>
    Object.fromEntries(['inputbytes', 'x1', 'x2', 'x3'].slice(0, count).map((name) => [name, 1]))
  const nearestOf = (count: number) =>
    ofKind('unknown-feature', noticesOf({ features: given(count) })).map(({ nearest }) => nearest)
  expect(nearestOf(3)).toEqual([['input_bytes'], [], []])
  expect(nearestOf(4)).toEqual([[], [], [], []])
})

test('where more names were seen than are kept, none is unknown; what all had is missing still', () => {
  const history = Array.from({ length: 65 }, (_, i) =>
    execution(`e-${i}`, { labels: { tool: 'x', [`label-${i}`]: 'x' } }),
  )
  expect(noticesOf({ labels: { other: 'x' } }, after(history))).toEqual([
    { kind: 'missing-label', subject: 'tool', nearest: [] },
  ])
})

test('a feature is known by its own name alone, not by one that every object has', () => {
  const history = [1, 2, 3, 4, 5].map((i) => execution(`e-${i}`, { features: { toString: 1 } }))
  expect(noticesOf({}, after(history))).toEqual([
    { kind: 'missing-feature', subject: 'toString', nearest: [] },
  ])
})

test('executions and the range are those of memory; of another dimension where memory was never learned of', () => {
  const cpuOnly = [1, 2, 3].map((i) => execution(`c-${i}`, { features: { a: i }, used: { cpuCores: 1 } }))
  const both = [4, 5].map((i) => execution(`b-${i}`, { features: { a: i / 10 } }))
  const found = (history: readonly ExecutionRecord[]) =>
    noticesOf({ features: { a: 6 } }, after(history)).map(({ kind, number }) => [kind, number])
  expect(found(cpuOnly)).toEqual([
    ['few-executions', 3],
    ['beyond-range', 2],
  ])
  expect(found([...cpuOnly, ...both])).toEqual([
    ['few-executions', 2],
    ['beyond-range', 12],
  ])
})

test('an amount that a bound changed of an unknown task too', () => {
  const unknown: Evidence = { task: undefined, similar: [], isUnreachable: false }
  const notices = noticesOf({ policy: { max: { memoryBytes: 1e6 } } }, unknown)
  expect(notices.map(({ kind, dimension }) => [kind, dimension])).toEqual([
    ['unknown-task', undefined],
    ['clamped', 'memoryBytes'],
  ])
})

test('as many as there is room for are all kept, one more is left out', () => {
  const unknown = (count: number) =>
    noticesOf({ features: Object.fromEntries(Array.from({ length: count }, (_, i) => [`x${i}`, 1])) })
  // And the one feature that is missing.
  expect(
    unknown(mostNotices - 2)
      .map(({ kind }) => kind)
      .at(-1),
  ).toBe('missing-feature')
  expect(unknown(mostNotices - 2)).toHaveLength(mostNotices - 1)
  expect(unknown(mostNotices - 1)).toHaveLength(mostNotices - 1)
})

test('names that many leave out never push out what a bound changed', () => {
  const features = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`x${i}`, 1]))
  const notices = noticesOf({ features, policy: { max: { memoryBytes: 2e6, durationMs: 1 } } })
  expect(notices).toHaveLength(mostNotices - 1)
  expect(ofKind('clamped', notices).map(({ dimension }) => dimension)).toEqual(['memoryBytes', 'durationMs'])
})
