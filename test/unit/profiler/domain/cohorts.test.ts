import fc from 'fast-check'
import { expect, test } from 'vitest'
import { joinCohorts } from '../../../../services/profiler/domain/cohorts.ts'
import { defaultFoldSettings, foldAll } from '../../../../services/profiler/domain/fold.ts'
import { openProfile, sealProfile } from '../../../../services/profiler/envelope.ts'
import { defaultCohortLabels } from '../../../../shared/domain/cohort.ts'
import type { ExecutionRecord } from '../../../../shared/domain/execution.ts'
import type { Profile } from '../../../../shared/domain/profile.ts'
import { encodeProfile } from '../../../../shared/wire/profile-bytes.ts'
import { anyRecord, anyText } from '../../../support/arbitraries.ts'
import { recordOf } from '../../../support/executions.ts'

test('whatever a task is called and labelled, the cohorts it joins can be read again', async () => {
  const label = fc.oneof(
    anyText,
    fc.constantFrom('é'.repeat(128), 'x'.repeat(256), '💡'.repeat(64), 'İ'.repeat(100)),
  )
  await fc.assert(
    fc.asyncProperty(
      anyRecord,
      fc.dictionary(fc.constantFrom(...defaultCohortLabels), label),
      async (record, labels) => {
        const key = { ...record.task, kind: 'task' as const }
        const finished = [{ record: { ...record, labels, outcome: 'succeeded' as const } }]
        const { profile } = foldAll(undefined, key, finished, 1.8e12, defaultFoldSettings)
        const settings = { cohortLabels: defaultCohortLabels }
        for (const { change } of joinCohorts([{ before: undefined, after: profile }], 1.8e12, settings)) {
          const cohort = change(undefined)
          const sealed = await sealProfile(cohort, 'none')
          expect(encodeProfile(await openProfile(sealed))).toEqual(encodeProfile(cohort))
        }
      },
    ),
    { numRuns: 200 },
  )
})

const settings = { cohortLabels: defaultCohortLabels }
const key = { namespace: 'team', kind: 'task' as const, task: 'align' }
const foldOf = (count: number, before?: Profile, given: Partial<ExecutionRecord> = {}) =>
  foldAll(
    before,
    key,
    Array.from({ length: count }, (_, i) => ({
      record: recordOf(`e${before?.revision ?? 0}-${i}`, { memoryBytes: 1e9 }, given),
    })),
    1000,
    defaultFoldSettings,
  ).profile
const joined = (before: Profile | undefined, after: Profile, nowUnixMs = 2000) =>
  joinCohorts([{ before, after }], nowUnixMs, settings)

test('a task tells its cohorts of its first four executions, then as a commit passes a power of two', () => {
  const told: number[] = []
  let profile: Profile | undefined
  for (let i = 1; i <= 40; i++) {
    const after = foldOf(1, profile)
    if (joined(profile, after).length > 0) told.push(i)
    profile = after
  }
  expect(told).toEqual([1, 2, 3, 4, 8, 16, 32])
  expect(joined(foldOf(30), foldOf(90, foldOf(30)))).not.toEqual([])
  expect(joined(foldOf(17), foldOf(10, foldOf(17)))).toEqual([])
})

test('it joins the cohorts of the labels that its latest execution has', () => {
  const before = foldOf(1, undefined, { labels: { tool: 'old' } })
  const after = foldOf(2, before, { labels: { tool: 'bwa' } })
  expect(joined(before, after).map(({ key: { namespace, kind, task } }) => [namespace, kind, task])).toEqual([
    ['team', 'cohort', 'tool=bwa'],
    ['team', 'cohort', 'name=align'],
    ['team', 'cohort', 'stem=align'],
    ['team', 'namespace', ''],
  ])
})

test('one whose need nothing is known of joins none', () => {
  expect(joined(undefined, foldOf(1, undefined, { outcome: 'evicted' }))).toEqual([])
  expect(joined(undefined, foldOf(1, undefined, { outcome: 'failed' }))).toEqual([])
})

test('a cohort counts what it was told, once each, and its time never goes back', () => {
  const [first] = joined(undefined, foldOf(1))
  const cohort = first?.change(undefined)
  expect(cohort).toMatchObject({ revision: 1, firstSeenUnixMs: 2000, lastSeenUnixMs: 2000 })
  expect(cohort?.members).toMatchObject([{ task: 'align', revision: 1 }])
  expect(first?.change(cohort)).toBe(cohort)
  const [later] = joined(undefined, foldOf(2), 3000)
  expect(later?.change(cohort)).toMatchObject({ revision: 2, firstSeenUnixMs: 2000, lastSeenUnixMs: 3000 })
  const [early] = joined(undefined, foldOf(3), 1000)
  expect(early?.change(cohort)).toMatchObject({ revision: 2, lastSeenUnixMs: 2000 })
})
