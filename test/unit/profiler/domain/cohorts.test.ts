import fc from 'fast-check'
import { expect, test } from 'vitest'
import { joinCohorts } from '../../../../services/profiler/domain/cohorts.ts'
import { defaultFoldSettings, foldAll } from '../../../../services/profiler/domain/fold.ts'
import { openProfile, sealProfile } from '../../../../services/profiler/envelope.ts'
import { defaultCohortLabels } from '../../../../shared/domain/cohort.ts'
import { encodeProfile } from '../../../../shared/wire/profile-bytes.ts'
import { anyRecord, anyText } from '../../../support/arbitraries.ts'

test('whatever a task is called and labelled, the cohorts it joins can be read again', () => {
  const label = fc.oneof(
    anyText,
    fc.constantFrom('é'.repeat(128), 'x'.repeat(256), '💡'.repeat(64), 'İ'.repeat(100)),
  )
  fc.assert(
    fc.property(
      anyRecord,
      fc.dictionary(fc.constantFrom(...defaultCohortLabels), label),
      (record, labels) => {
        const key = { ...record.task, kind: 'task' as const }
        const finished = [{ record: { ...record, labels, outcome: 'succeeded' as const } }]
        const { profile } = foldAll(undefined, key, finished, 1.8e12, defaultFoldSettings)
        const settings = { cohortLabels: defaultCohortLabels }
        for (const { change } of joinCohorts([{ before: undefined, after: profile }], 1.8e12, settings)) {
          const cohort = change(undefined)
          expect(encodeProfile(openProfile(sealProfile(cohort, 'none')))).toEqual(encodeProfile(cohort))
        }
      },
    ),
    { numRuns: 200 },
  )
})
