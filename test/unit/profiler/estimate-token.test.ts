import fc from 'fast-check'
import { expect, test } from 'vitest'
import { defaultFoldSettings, foldAll } from '../../../services/profiler/domain/fold.ts'
import { openProfile, sealProfile } from '../../../services/profiler/envelope.ts'
import { readEstimateToken } from '../../../services/profiler/estimate-token.ts'
import type { ExecutionRecord } from '../../../shared/domain/execution.ts'
import { EstimateToken } from '../../../shared/wire/gen/foresize/internal/v1/estimate_token.ts'
import type { Dimension } from '../../../shared/wire/gen/foresize/v1/resources.ts'
import { encodeProfile } from '../../../shared/wire/profile-bytes.ts'
import { anyEstimate, anyRecord } from '../../support/arbitraries.ts'
import { messageOf } from '../../support/estimate-message.ts'

const tokenOf = (given: Partial<EstimateToken>) =>
  EstimateToken.encode({ profileRevision: 1, variant: '', strategies: [], dimensions: [], ...given }).finish()

const memory = (given = {}) => ({
  dimension: 2 as Dimension,
  allocation: 5,
  confidence: 0.5,
  predictions: [],
  ...given,
})

/** As an estimator makes them: names of its own strategies, amounts that there are. */
const madeEstimate = anyEstimate.map((estimate) => ({
  ...estimate,
  profileRevision: Math.max(1, estimate.profileRevision),
  variant: estimate.variant === '' ? '' : 'b',
  dimensions: estimate.dimensions.map((each) => ({
    ...each,
    allocation: Math.min(each.allocation, 1e6),
    predictions: each.predictions.map(({ value, ...prediction }, i) => ({
      ...prediction,
      strategy: `s${i}`,
      value: value && Math.min(value, 1e6),
    })),
  })),
}))

test('what an estimator writes is what the profiler scores', () => {
  fc.assert(
    fc.property(madeEstimate, (estimate) => {
      const { estimateToken } = messageOf(estimate, 0)
      const strategies = Math.max(0, ...estimate.dimensions.map(({ predictions }) => predictions.length))

      expect(estimateToken.length).toBeGreaterThan(0)
      expect(readEstimateToken(estimateToken)).toEqual({
        variant: estimate.variant,
        dimensions: estimate.dimensions.map(({ dimension, allocation, confidence, predictions }) => ({
          dimension,
          allocation,
          confidence,
          predictions: Array.from({ length: strategies }, (_, i) => ({
            strategy: `s${i}`,
            value: predictions[i]?.value,
          })),
        })),
      })
    }),
  )
})

test('a token says what its estimate said, 0 where a strategy abstained', () => {
  const token = tokenOf({
    variant: 'b',
    strategies: ['mean', 'p95'],
    dimensions: [memory({ predictions: [3, 0] })],
  })
  expect(readEstimateToken(token)).toEqual({
    variant: 'b',
    dimensions: [
      {
        dimension: 'memoryBytes',
        allocation: 5,
        confidence: 0.5,
        predictions: [
          { strategy: 'mean', value: 3 },
          { strategy: 'p95', value: undefined },
        ],
      },
    ],
  })
})

test.each([
  ['none', new Uint8Array(0)],
  ['noise', Uint8Array.from([255, 255, 255, 7])],
  ['more strategies than there are', tokenOf({ strategies: Array.from({ length: 33 }, (_, i) => `s${i}`) })],
  ['an endless name', tokenOf({ strategies: ['x'.repeat(65)] })],
  ['a name with a control character', tokenOf({ strategies: ['a\u0000b'] })],
  ['an endless variant', tokenOf({ variant: 'x'.repeat(65) })],
])('%s is no estimate', (_, token) => {
  expect(readEstimateToken(token)).toBeUndefined()
})

test.each([
  ['an absurd allocation', memory({ allocation: 1e300 })],
  ['an infinite one', memory({ allocation: Number.POSITIVE_INFINITY })],
  ['no number', memory({ allocation: Number.NaN })],
  ['a confidence above one', memory({ confidence: 1.5 })],
  ['no dimension', memory({ dimension: 0 })],
  ['a dimension that is unknown', memory({ dimension: 99 })],
])('of a token with %s nothing is scored', (_, dimension) => {
  expect(readEstimateToken(tokenOf({ dimensions: [dimension] }))?.dimensions).toEqual([])
})

const anyNumber = fc.oneof(fc.double(), fc.double({ min: 0, max: 1e18 }), fc.constant(0))

const anyToken = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc
    .record({
      profileRevision: fc.nat(),
      variant: fc.string({ maxLength: 70 }),
      strategies: fc.array(fc.string({ maxLength: 70 }), { maxLength: 40 }),
      dimensions: fc.array(
        fc.record({
          dimension: fc.integer({ min: 0, max: 7 }).map((value) => value as Dimension),
          allocation: anyNumber,
          confidence: anyNumber,
          predictions: fc.array(anyNumber, { maxLength: 40 }),
        }),
        { maxLength: 8 },
      ),
    })
    .map((token) => EstimateToken.encode(token).finish()),
)

test('whatever the edge lets in, the profile that it is folded into can be read again', async () => {
  const anyReports = fc.array(fc.tuple(anyRecord, anyToken), { minLength: 1, maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(anyReports, async (reported) => {
      const [first] = reported as [[ExecutionRecord, Uint8Array]]
      const key = { ...first[0].task, kind: 'task' as const }
      const finished = reported.map(([record, token]) => ({ record, estimate: readEstimateToken(token) }))
      const { profile } = foldAll(undefined, key, finished, 1.8e12, {
        ...defaultFoldSettings,
        maxAccuracyEntries: 40,
      })
      const sealed = await sealProfile(profile, 'zstd')
      expect(encodeProfile(await openProfile(sealed))).toEqual(encodeProfile(profile))
    }),
    { numRuns: 300 },
  )
})
