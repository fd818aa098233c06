import fc from 'fast-check'
import { expect, test } from 'vitest'
import { profileOf } from '../../../support/histories.ts'
import { nastyHistory, nastyQuery } from '../../../support/nasty-profiles.ts'
import { confidenceOf, estimateOf, evidenceOfTask, learned } from '../../../support/queries.ts'

test('never falls as more is given, and without amounts is that of the estimate', () => {
  const anyBytes = fc.double({ min: 0, max: 16, noNaN: true }).map((decades) => 10 ** decades)
  fc.assert(
    fc.property(nastyHistory, nastyQuery, anyBytes, anyBytes, (history, query, a, b) => {
      const evidence = evidenceOfTask(learned(profileOf(history)))
      const of = (memoryBytes: number) => confidenceOf(query, { memoryBytes }, evidence).confidence
      expect(of(Math.max(a, b))).toBeGreaterThanOrEqual(of(Math.min(a, b)))
      const own = confidenceOf(query, undefined, evidence)
      expect(own.confidence).toBe(estimateOf(query, evidence).confidence)
    }),
    { numRuns: 80 },
  )
})
