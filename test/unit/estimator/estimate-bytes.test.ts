import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Answer } from '../../../services/estimator/domain/estimate/estimate.ts'
import {
  type BatchAnswered,
  encodeBatch,
  estimatorDefinition,
} from '../../../services/estimator/estimate-bytes.ts'
import type { ViewAge } from '../../../services/estimator/estimator.ts'
import { withReason } from '../../../services/estimator/reason-text.ts'
import { atOnce } from '../../../shared/domain/at-once.ts'
import {
  EstimateBatchResponse,
  EstimateResponse,
} from '../../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { anyEstimate, anyNotice } from '../../support/arbitraries.ts'
import { messageOf } from '../../support/estimate-message.ts'

const batchOf = (answered: BatchAnswered) => atOnce(encodeBatch(answered))

/** Law: whoever reads the bytes reads what the generated encoder would have written. */

/** An answer whose reason is some text. */
const answerSaying = (text: string): Pick<Answer, 'reasons'> => ({
  reasons: [{ kind: 'left-out', faults: [[text, 'failed']] }],
})
const anyAnswer: fc.Arbitrary<Answer> = anyEstimate.map(({ reason, ...estimate }) => ({
  ...estimate,
  ...answerSaying(reason),
}))

const anyAge: fc.Arbitrary<ViewAge> = fc.record({
  stalenessMs: fc.double({ min: 0, max: 1e12, noNaN: true }),
  stale: fc.option(anyNotice, { nil: undefined }),
})

/** As the generated encoder takes it. */
function wireOf(answer: Answer, { stalenessMs, stale }: ViewAge) {
  const notices = stale === undefined ? answer.notices : [...answer.notices, stale]
  return messageOf({ ...withReason(answer), notices }, stalenessMs)
}

test('an answer, the first time and again at another age', () => {
  fc.assert(
    fc.property(anyAnswer, anyAge, anyAge, (estimate, first, again) => {
      for (const age of [first, again]) {
        const bytes = estimatorDefinition.estimate.responseSerialize({ estimate, ...age })
        const expected = { estimate: wireOf(estimate, age) }
        expect(EstimateResponse.decode(bytes)).toEqual(
          EstimateResponse.decode(EstimateResponse.encode(expected).finish()),
        )
      }
    }),
  )
})

test('a batch of answers and of rejections, in the order asked', () => {
  const anyRejection = fc.record({
    violations: fc.array(fc.record({ field: fc.string(), description: fc.string() }), { minLength: 1 }),
  })
  fc.assert(
    fc.property(fc.array(fc.oneof(anyAnswer, anyRejection)), anyAge, (results, age) => {
      const bytes = batchOf({ results, ...age })
      const expected: EstimateBatchResponse = {
        results: results.map((result) => ({
          result:
            'violations' in result
              ? { $case: 'rejection', value: result }
              : { $case: 'estimate', value: wireOf(result, age) },
        })),
      }
      expect(EstimateBatchResponse.decode(bytes)).toEqual(
        EstimateBatchResponse.decode(EstimateBatchResponse.encode(expected).finish()),
      )
    }),
  )
})

test('answers of every length, also where the length of a length changes', () => {
  for (const length of [0, 90, 100, 110, 127, 128, 16_000, 16_383, 16_384, 3_000_000]) {
    const estimate = {
      resources: {},
      confidence: 0,
      source: 'default',
      ...answerSaying('x'.repeat(length)),
      dimensions: [],
      profileRevision: 0,
      executions: 0,
      variant: '',
      variantByExecution: false,
      notices: [],
    } as const satisfies Answer
    const one = estimatorDefinition.estimate.responseSerialize({ estimate, stalenessMs: 7, stale: undefined })
    const many = batchOf({
      results: [estimate, estimate],
      stalenessMs: 7,
      stale: undefined,
    })

    expect(EstimateResponse.decode(one).estimate).toMatchObject({
      reason: withReason(estimate).reason,
      stalenessMs: 7,
    })
    expect(EstimateBatchResponse.decode(many).results).toHaveLength(2)
  }
})
