import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  extendProfile,
  type LearnedProfile,
} from '../../../../services/estimator/domain/ensemble/learned-profile.ts'
import { linearHistory, profileOf } from '../../../support/histories.ts'
import { nastyHistory, nastyQuery } from '../../../support/nasty-profiles.ts'
import { estimateOf, evidenceOfTask, learned, learningWith, queryOf } from '../../../support/queries.ts'

test('learning one execution more is, to the bit, learning all anew', () => {
  fc.assert(
    fc.property(nastyHistory, nastyQuery, fc.integer({ min: 1, max: 40 }), (history, query, known) => {
      const first = history.slice(0, Math.min(known, history.length))
      const before = learned(profileOf(first))
      const after = profileOf(history)
      const extended = extendProfile(before, after, learningWith())
      const anew = learned(after)
      const answer = (task: LearnedProfile) => estimateOf(query, evidenceOfTask(task))
      if (extended === undefined) expect(history.length).toBeGreaterThan(96)
      else expect(answer({ ...extended, leftOut: new Map() })).toEqual(answer(anew))
    }),
    { numRuns: 80 },
  )
})

test('once the buffer is full, what it holds is all that counts', () => {
  const history = linearHistory(200)
  const whole = profileOf(history)
  const held = { ...profileOf(whole.executions), revision: whole.revision, outcomes: whole.outcomes }
  const query = queryOf({ features: { input_bytes: 77e6 } })

  expect(whole.executions.length).toBeLessThan(history.length)
  expect(estimateOf(query, evidenceOfTask(learned(whole))).dimensions).toEqual(
    estimateOf(query, evidenceOfTask(learned(held))).dimensions,
  )
})
