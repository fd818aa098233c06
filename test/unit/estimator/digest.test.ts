import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { confidenceOf, estimateOf, needsKin } from '../../../services/estimator/domain/answer.ts'
import type { Evidence } from '../../../services/estimator/domain/case.ts'
import { learnProfile } from '../../../services/estimator/domain/learned-profile.ts'
import { strategies } from '../../../services/estimator/domain/strategies/index.ts'
import { generatedProfile, generatedQueries } from '../../support/generated-profiles.ts'
import { cohortOf } from '../../support/histories.ts'
import { defaultSettings, openGuard } from '../../support/queries.ts'

/**
 * What is answered, to the last digit. A change of the method changes it on purpose, and says so in its commit with the
 * figures of `make bench-accuracy`; anything else must not.
 */
const expected = 'af04ae3c0c2faeb54c3146b1dcd5b5b151c0bf68ae06c16ce7638ac4b702c63b'

const learned = (profile: Parameters<typeof learnProfile>[0]) => ({
  ...learnProfile(profile, strategies, openGuard.guard),
  leftOut: new Map<string, string>(),
})

test('the answers over generated profiles are what they were', () => {
  const hash = createHash('sha256')
  const similar = [learned(cohortOf('tool=x', [1e9, 1.5e9, 2e9])), learned(cohortOf('tool=y', [3e8, 4e9]))]
  for (let seed = 1; seed <= 60; seed++) {
    const task = learned(generatedProfile(seed))
    for (const query of generatedQueries(seed)) {
      const known: Evidence = {
        task,
        kin: needsKin(task, defaultSettings) ? similar : [],
        unreachable: false,
      }
      const unknown: Evidence = { task: undefined, kin: seed % 3 === 0 ? [] : similar, unreachable: false }
      for (const evidence of [known, unknown]) {
        const estimate = estimateOf(query, evidence, defaultSettings, openGuard)
        const given = { memoryBytes: 1e9, durationMs: 10_000 }
        const confidence = confidenceOf(query, given, evidence, defaultSettings, openGuard)
        hash.update(JSON.stringify([estimate, confidence]))
      }
    }
  }
  expect(hash.digest('hex')).toBe(expected)
})
