import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fingerprint } from '../../../../services/profiler/domain/fingerprint.ts'
import {
  defaultFoldSettings,
  type FoldSettings,
  foldAll,
  showRunning,
} from '../../../../services/profiler/domain/fold.ts'
import type { ExecutionRecord, Outcome } from '../../../../shared/domain/execution.ts'
import type { Profile, ProfileKey } from '../../../../shared/domain/profile.ts'
import { quantile } from '../../../../shared/domain/sketch.ts'
import { encodeProfile } from '../../../../shared/wire/profile-bytes.ts'
import { anyHistory, recordOf } from '../../../support/executions.ts'

const key: ProfileKey = { namespace: 'default', kind: 'task', task: 'task' }
const now = 1_800_000_000_000

const fold = (
  records: readonly ExecutionRecord[],
  before?: Profile,
  nowUnixMs = now,
  settings: FoldSettings = defaultFoldSettings,
) =>
  foldAll(
    before,
    key,
    records.map((record) => ({ record })),
    nowUnixMs,
    settings,
  ).profile

const many = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) =>
    recordOf(`e${from + i}`, { memoryBytes: from + i + 1, durationMs: 10 }),
  )

const statisticsOf = (profile: Profile, dimension = 'memoryBytes') =>
  profile.statistics.find((entry) => entry.dimension === dimension)

test('folding one by one gives the same profile as folding all at once', () => {
  fc.assert(
    fc.property(anyHistory, fc.integer({ min: 1, max: 10 }), (history, maxFolded) => {
      const settings = { ...defaultFoldSettings, maxFolded, maxExecutions: 8, droppedExecutions: 3 }
      const onebyone = history.reduce<Profile | undefined>(
        (profile, record) => fold([record], profile, now, settings),
        undefined,
      )
      if (history.length > 0) expect(fold(history, undefined, now, settings)).toEqual(onebyone)
    }),
  )
})

test('an execution is folded once, however often it comes', () => {
  fc.assert(
    fc.property(anyHistory, (history) => {
      const once = fold(history)
      const again = fold([...history, ...history.toReversed()], once)
      expect(again).toBe(once)
    }),
  )
})

test('the same history gives the same bytes', () => {
  fc.assert(
    fc.property(anyHistory, (history) => {
      expect(encodeProfile(fold(history))).toEqual(encodeProfile(fold(structuredClone(history))))
    }),
  )
})

test('the result says which executions were folded', () => {
  const finished = ['a', 'b', 'a'].map((id) => ({ record: recordOf(id) }))
  expect(foldAll(undefined, key, finished, now, defaultFoldSettings).folded).toEqual([true, true, false])
})

test('counts are weighted and never fade', () => {
  const first = fold([
    recordOf('a', { memoryBytes: 1 }, { weight: 4 }),
    recordOf('b', {}, { outcome: 'evicted' }),
  ])
  const later = fold([recordOf('c')], first, now + 100 * defaultFoldSettings.halfLifeMs)
  expect(later.outcomes).toEqual([
    { outcome: 'succeeded', count: 5 },
    { outcome: 'evicted', count: 1 },
  ])
})

test('mean and variance are those of the values, each as often as its weight', () => {
  const values = [3, 9, 27, 1, 5]
  const weights = [1, 2, 3, 4, 5]
  const profile = fold(
    values.map((memoryBytes, i) => recordOf(`${i}`, { memoryBytes }, { weight: weights[i] as number })),
  )
  const all = values.flatMap((value, i) => new Array<number>(weights[i] as number).fill(value))
  const mean = all.reduce((a, b) => a + b) / all.length
  const variance = all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length
  const statistics = statisticsOf(profile)
  expect(statistics?.mean).toBeCloseTo(mean, 9)
  expect(statistics?.variance).toBeCloseTo(variance, 9)
  expect(statistics?.weight).toBe(15)
})

test('after a half-life an execution counts half', () => {
  const first = fold([recordOf('a', { memoryBytes: 100 })])
  const second = fold([recordOf('b', { memoryBytes: 400 })], first, now + defaultFoldSettings.halfLifeMs)
  expect(statisticsOf(second)?.weight).toBeCloseTo(1.5, 12)
  expect(statisticsOf(second)?.mean).toBeCloseTo((100 * 0.5 + 400) / 1.5, 9)
})

test('a clock that goes back is read as standing still', () => {
  const first = fold([recordOf('a')])
  const second = fold([recordOf('b')], first, now - 1e9)
  expect(second.lastSeenUnixMs).toBe(now)
  expect(statisticsOf(second)?.weight).toBe(2)
})

test.each<Outcome>(['out-of-memory', 'timed-out', 'failed'])(
  'a run that ended %s bounds the need from below and is never learned as the need',
  (outcome) => {
    const whole = fold([recordOf('a', { memoryBytes: 100, durationMs: 50 })])
    const cut = fold([recordOf('b', { memoryBytes: 900, durationMs: 70 }, { outcome })], whole)
    for (const [dimension, max] of [
      ['memoryBytes', 900],
      ['durationMs', 70],
    ] as const) {
      const { max: _, ...before } = statisticsOf(whole, dimension) ?? { max: 0 }
      expect(statisticsOf(cut, dimension)).toEqual({ ...before, max })
    }
    expect(cut.executions.map(({ executionId }) => executionId)).toEqual(['a', 'b'])
  },
)

test('a task that was only ever cut short has no quantile, and its first whole run begins the statistics', () => {
  const cut = fold([recordOf('a', { memoryBytes: 900 }, { outcome: 'out-of-memory' })])
  expect(statisticsOf(cut)).toMatchObject({ weight: 0, max: 900 })
  expect(quantile(statisticsOf(cut)?.sketch as never, 0.5)).toBeUndefined()
  expect(statisticsOf(fold([recordOf('b', { memoryBytes: 1000 })], cut))).toMatchObject({
    weight: 1,
    mean: 1000,
    min: 1000,
    max: 1000,
  })
})

test.each<Outcome>(['evicted', 'cancelled', 'lost'])(
  'a run that ended %s is counted and says nothing else',
  (outcome) => {
    const before = fold([recordOf('a')])
    const after = fold([recordOf('b', { memoryBytes: 1e12 }, { outcome })], before)
    expect(after.statistics).toEqual(before.statistics)
    expect(after.executions).toEqual(before.executions)
    expect(after.outcomes).toContainEqual({ outcome, count: 1 })
  },
)

test('the buffer holds the latest executions and drops the oldest block when full', () => {
  expect(fold(many(96)).executions).toHaveLength(96)
  const dropped = fold(many(97)).executions
  expect(dropped).toHaveLength(65)
  expect(dropped[0]?.executionId).toBe('e32')
  expect(dropped.at(-1)?.executionId).toBe('e96')
})

test('a profile is bounded whatever its history', () => {
  let profile = fold(many(1))
  for (let i = 1; i < 60; i++) profile = fold(many(200, i * 200), profile)
  expect(profile.executions.length).toBeLessThanOrEqual(96)
  expect(profile.folded).toHaveLength(4096)
  expect(encodeProfile(profile).length).toBeLessThan(100_000)
})

test('the token of a retained execution is not kept', () => {
  const profile = fold([recordOf('a', {}, { estimateToken: new Uint8Array(100) })])
  expect(profile.executions[0]?.estimateToken).toHaveLength(0)
})

const running = (executionId: string, memoryBytes = 1) => ({
  executionId,
  attempt: 1,
  features: {},
  labels: {},
  requested: {},
  allocated: {},
  peak: { memoryBytes },
})

test('executions of one task share the key that was kept first, those of others keep their own', () => {
  const of = (id: string, task: string) => recordOf(id, {}, { task: { namespace: 'default', task } })
  const { executions } = fold([of('c', 'b'), of('d', 'a')], fold([of('a', 'a'), of('b', 'a')]))
  expect(executions.map(({ task }) => task.task)).toEqual(['a', 'a', 'b', 'a'])
  expect(new Set(executions.map(({ task }) => task)).size).toBe(2)
})

test('what runs is shown until it ends, and does not come back', () => {
  const before = showRunning(fold([recordOf('a')]), [running('b'), running('c')], defaultFoldSettings)
  expect(before.running.map(({ executionId }) => executionId)).toEqual(['b', 'c'])
  const grown = showRunning(before, [running('c', 9)], defaultFoldSettings)
  expect(grown.running[1]?.peak.memoryBytes).toBe(9)
  expect(grown.revision).toBe(before.revision + 1)
  const ended = fold([recordOf('b')], grown)
  expect(ended.running.map(({ executionId }) => executionId)).toEqual(['c'])
  expect(showRunning(ended, [running('b')], defaultFoldSettings)).toBe(ended)
})

test('no more runs are shown than may be, and those shown go on', () => {
  const settings = { ...defaultFoldSettings, maxRunning: 2 }
  const full = showRunning(fold([recordOf('x')]), [running('b'), running('c'), running('a')], settings)
  expect(full.running.map(({ executionId }) => executionId)).toEqual(['b', 'c'])
  expect(showRunning(full, [running('a'), running('b', 5)], settings).running[0]?.peak.memoryBytes).toBe(5)
})

test('what runs is shown in order of its id, whatever order it came in', () => {
  const shown = showRunning(
    fold([recordOf('x')]),
    ['c', 'a', 'b'].map((id) => running(id)),
    defaultFoldSettings,
  )
  expect(shown.running.map(({ executionId }) => executionId)).toEqual(['a', 'b', 'c'])
})

test('the profile given is not changed', () => {
  const before = fold(many(3))
  const copy = structuredClone(before)
  fold(many(200, 3), before)
  expect(before).toEqual(copy)
})

test('an estimate is scored with the execution that it was for', () => {
  const estimate = {
    variant: '',
    dimensions: [{ dimension: 'memoryBytes' as const, allocation: 2e9, confidence: 0.9, predictions: [] }],
  }
  const { profile } = foldAll(undefined, key, [{ record: recordOf('a'), estimate }], now, defaultFoldSettings)
  expect(profile.accuracy).toMatchObject([{ dimension: 'memoryBytes', coverage: 1, relativeError: 1 }])
  expect(fold([recordOf('a')]).accuracy).toEqual([])
})

test.each([
  ['few at once', 3],
  ['many at once', 150],
])('the latest executions are remembered as folded, and no more of them: %s', (_, atOnce) => {
  const settings = { ...defaultFoldSettings, maxFolded: 10 }
  let profile: Profile | undefined
  for (let i = 0; i < 2; i++) profile = fold(many(atOnce, i * atOnce), profile, now, settings)
  const count = 2 * atOnce
  expect([...(profile?.folded ?? [])]).toEqual(
    many(Math.min(10, count), Math.max(0, count - 10)).map(({ executionId }) => fingerprint(executionId)),
  )
  expect(fold(many(1, count - 1), profile, now, settings)).toBe(profile)
  const forgotten = fold(many(1, Math.max(0, count - 11)), profile, now, settings)
  expect(forgotten === profile).toBe(count < 11)
})

test('an execution that was forgotten within one commit is folded again in it', () => {
  const settings = { ...defaultFoldSettings, maxFolded: 10 }
  for (const count of [12, 150]) {
    const records = [...many(count), ...many(1)]
    const finished = records.map((record) => ({ record }))
    expect(foldAll(undefined, key, finished, now, settings).folded.every(Boolean)).toBe(true)
    const kept = [...many(count), ...many(1, count - 10)].map((record) => ({ record }))
    expect(foldAll(undefined, key, kept, now, settings).folded.at(-1)).toBe(false)
  }
})

test('statistics halve in thirty days, unless they are told another time', () => {
  expect(defaultFoldSettings.halfLifeMs).toBe(2_592_000_000)
})

test('an execution that does not say when it ended keeps the time of its fold, one that does keeps its own', () => {
  const profile = fold([recordOf('a'), recordOf('b', undefined, { endedAtUnixMs: 5 })])
  expect(profile.executions.map(({ endedAtUnixMs }) => endedAtUnixMs)).toEqual([now, 5])
})

const late = (executionId: string, outcome: Outcome = 'out-of-memory') => ({
  record: recordOf(executionId, {}, { outcome, allocated: { memoryBytes: 100 } }),
  isLate: true,
})
const foldLate = (before: Profile, ...finished: ReturnType<typeof late>[]) =>
  foldAll(before, key, finished, now, defaultFoldSettings)

test('a late end takes the place of a loss, once, and of nothing else', () => {
  const lost = fold([
    recordOf('a', {}, { outcome: 'lost' }),
    recordOf('b'),
    recordOf('c', {}, { outcome: 'lost' }),
  ])
  const { profile, folded } = foldLate(lost, late('a'), late('a'), late('b'), late('c', 'lost'))
  expect(folded).toEqual([true, false, false, false])
  expect(profile.outcomes).toEqual([
    { outcome: 'succeeded', count: 1 },
    { outcome: 'out-of-memory', count: 1 },
    { outcome: 'lost', count: 1 },
  ])
  expect(profile.executions.map(({ executionId }) => executionId)).toEqual(['b', 'a'])
  expect(foldLate(profile, late('a')).profile).toBe(profile)
})

test('a loss is not undone by a repeat of it, nor by an end that is not late', () => {
  const lost = fold([recordOf('a', {}, { outcome: 'lost' })])
  expect(fold([recordOf('a', {}, { outcome: 'lost' }), recordOf('a')], lost)).toBe(lost)
})
