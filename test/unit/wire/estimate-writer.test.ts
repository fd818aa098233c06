import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { DimensionEstimate, Estimate } from '../../../shared/domain/estimate.ts'
import { byteWriter, takeWritten } from '../../../shared/wire/byte-writer.ts'
import { writeEstimate } from '../../../shared/wire/estimate-writer.ts'
import { Estimate as WireEstimate } from '../../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { limits } from '../../../shared/wire/limits.ts'
import { anyEstimate } from '../../support/arbitraries.ts'
import { messageOf } from '../../support/estimate-message.ts'

const writer = byteWriter()
function written(estimate: Estimate): Buffer {
  writeEstimate(writer, estimate)
  return takeWritten(writer)
}

const generated = (estimate: Estimate) => Buffer.from(WireEstimate.encode(messageOf(estimate, 0)).finish())

test('an estimate is the bytes of the generated encoder', () => {
  const anyOverhead = fc.option(fc.double({ min: 1, max: 1e9, noNaN: true }), { nil: undefined })
  fc.assert(
    fc.property(anyEstimate, fc.boolean(), anyOverhead, (some, variantByExecution, overhead) => {
      const dimensions = some.dimensions.map((dimension) => ({ ...dimension, overhead }))
      const estimate = { ...some, variantByExecution, dimensions }
      expect(written(estimate)).toEqual(generated(estimate))
    }),
  )
})

const nothing: Estimate = {
  resources: {},
  confidence: 0,
  source: 'default',
  reason: '',
  dimensions: [],
  profileRevision: 0,
  executions: 0,
  variantByExecution: false,
  notices: [],
}

test('so is one that says nothing, and one of large numbers and long texts of every kind', () => {
  expect(written(nothing)).toEqual(generated(nothing))
  for (const text of ['a', 'é', '漢', '🙂'])
    for (const length of [1, 63, 64, 127, 128, 129, 16_384, 40_000]) {
      const reason = text.repeat(length)
      const large = { ...nothing, reason, profileRevision: Number.MAX_SAFE_INTEGER, executions: 2 ** 40 }
      expect(written(large)).toEqual(generated(large))
    }
})

test('a token beyond its limit is left out', () => {
  const named = (count: number): Estimate => {
    const predictions = Array.from({ length: count }, (_, i) => ({
      strategy: `strategy-${i}`,
      value: i,
      weight: 0,
    }))
    const dimension: DimensionEstimate = {
      ...{ dimension: 'memoryBytes', allocation: 1, expected: 1, lower: 1, upper: 1, confidence: 1 },
      ...{ source: 'profile', predictions, clamps: [] },
    }
    return { ...nothing, dimensions: [dimension] }
  }
  const tokenOf = (estimate: Estimate) => WireEstimate.decode(written(estimate)).estimateToken
  expect(tokenOf(named(10)).length).toBeGreaterThan(0)
  expect(tokenOf(named(1000))).toHaveLength(0)
  for (const count of [90, 95, 100, 105]) {
    expect(tokenOf(named(count)).length).toBeLessThanOrEqual(limits.estimateTokenBytes)
    expect(written(named(count))).toEqual(generated(named(count)))
  }
})

test('what was written stays as it was when something else is written, and room that a large message took is given back', () => {
  const one = written({ ...nothing, reason: 'one' })
  const large = written({ ...nothing, reason: 'x'.repeat(2_000_000) })
  expect(writer.bytes.length).toBeLessThan(100_000)
  written({ ...nothing, reason: 'two' })
  expect(one).toEqual(generated({ ...nothing, reason: 'one' }))
  expect(large).toEqual(generated({ ...nothing, reason: 'x'.repeat(2_000_000) }))
})
