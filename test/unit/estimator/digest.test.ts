import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { type Evidence, needsSimilarTasks } from '../../../services/estimator/domain/estimate/context.ts'
import { generatedProfile, generatedQueries } from '../../support/generated-profiles.ts'
import { cohortOf } from '../../support/histories.ts'
import { confidenceOf, defaultSettings, estimateOf, learned } from '../../support/queries.ts'

/**
 * What is answered, to the last digit. A change of the method changes it on purpose, and says so in its commit with the
 * figures of `make bench-accuracy`; anything else must not.
 */
const expected = '400b2c96543b3ca115af3cefcf097225f3c78ce80bf8d2297067bb4587c1453b'

/** Without its notices: what is said beside an answer is none of its digits. */
const bare = <T extends { readonly notices: unknown }>({ notices: _, ...answer }: T) => answer

/** With the keys of every object in order, and without the curve, which nobody asked for here. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
    .filter(([key]) => key !== 'curve')
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]))
}

test('the answers over generated profiles are what they were', () => {
  const hash = createHash('sha256')
  const cohorts = [learned(cohortOf('tool=x', [1e9, 1.5e9, 2e9])), learned(cohortOf('tool=y', [3e8, 4e9]))]
  for (let seed = 1; seed <= 60; seed++) {
    const task = learned(generatedProfile(seed))
    for (const query of generatedQueries(seed)) {
      const similar = needsSimilarTasks(task, defaultSettings) ? cohorts : []
      const known: Evidence = { task, similar, isUnreachable: false }
      const unknown: Evidence = {
        task: undefined,
        similar: seed % 3 === 0 ? [] : cohorts,
        isUnreachable: false,
      }
      for (const evidence of [known, unknown]) {
        const given = { memoryBytes: 1e9, durationMs: 10_000 }
        hash.update(
          JSON.stringify(
            sorted([bare(estimateOf(query, evidence)), bare(confidenceOf(query, given, evidence))]),
          ),
        )
      }
    }
  }
  expect(hash.digest('hex')).toBe(expected)
})
