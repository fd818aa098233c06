import fc from 'fast-check'
import { expect, test } from 'vitest'
import { joinCohorts } from '../../../services/profiler/domain/cohorts.ts'
import { defaultFoldSettings, foldAll } from '../../../services/profiler/domain/fold.ts'
import type { Profile } from '../../../shared/domain/profile.ts'
import type { ExecutionRecord } from '../../../shared/wire/gen/foresize/v1/execution.ts'
import type * as gen from '../../../shared/wire/gen/foresize/v1/profile.ts'
import { inspection } from '../../../shared/wire/inspection.ts'
import { fromProfile, toProfile } from '../../../shared/wire/profile.ts'
import { anyRecord } from '../../support/arbitraries.ts'
import { exampleProfile } from '../../support/example-profile.ts'

const example = fromProfile(exampleProfile(20))
const [statistics] = example.statistics as [gen.DimensionStatistics]
const figures = {
  ...{ weight: 5, weightSquares: 5, coverage: 1, relativeError: 0.1, relativeErrorVariance: 0.01 },
  ...{ wastage: 1, cost: 1, costVariance: 1, brier: 0.1, meanConfidence: 0.9, calibration: [] },
}
const accuracy: gen.StrategyAccuracy = {
  dimension: 2,
  ...{ strategy: 'max', variant: '', executions: 5, ...figures },
}
const summary: gen.MemberSummary = {
  dimension: 2,
  ...{ count: 5, logMean: 20, logSpread: 1, logMax: 21, requests: 0, ratioLogMean: 0, ratioLogMax: 0 },
}

const violationsOf = (message: gen.Profile) => {
  const seen = inspection()
  toProfile(message, '', seen)
  return seen.violations.map(({ field }) => field)
}

const withStatistics = (given: Partial<gen.DimensionStatistics>) => ({
  statistics: [{ ...statistics, ...given }],
})
const withSketch = (given: Partial<gen.QuantileSketch>) =>
  withStatistics({ sketch: { ...(statistics.sketch as gen.QuantileSketch), ...given } })
const withAccuracy = (given: Partial<gen.StrategyAccuracy>) => ({ accuracy: [{ ...accuracy, ...given }] })
const withSummary = (given: Partial<gen.MemberSummary>) => ({
  members: [{ task: 'm', revision: 1, dimensions: [{ ...summary, ...given }] }],
})
const bin = { bin: 1, weight: 1, confidence: 0.5, coverage: 0.5 }

test.each<readonly [field: string, Partial<gen.Profile>]>([
  ['revision', { revision: 0 }],
  ['revision', { revision: Number.MAX_SAFE_INTEGER }],
  ['first_seen_unix_ms', { firstSeenUnixMs: 1e300 }],
  ['last_seen_unix_ms', { lastSeenUnixMs: 8.7e15 }],
  ['outcomes[0].count', { outcomes: [{ outcome: 1, count: 1e308 }] }],
  ['statistics[0].weight', withStatistics({ weight: 1e308 })],
  ['statistics[0].mean', withStatistics({ mean: 1e300 })],
  ['statistics[0].variance', withStatistics({ variance: 1e308 })],
  ['statistics[0].min', withStatistics({ min: 1e6, max: 1 })],
  ['statistics[0].max', withStatistics({ max: 1e308 })],
  ['statistics[0].sketch.relative_accuracy', withSketch({ relativeAccuracy: 1e-300 })],
  ['statistics[0].sketch.relative_accuracy', withSketch({ relativeAccuracy: 1 - 1e-16 })],
  ['statistics[0].sketch.offset', withSketch({ offset: 2 ** 31 - 1 })],
  ['statistics[0].sketch.offset', withSketch({ offset: -(2 ** 31) })],
  ['statistics[0].sketch.weights[0]', withSketch({ weights: [1e308, 1e308] })],
  ['statistics[0].sketch.zero_weight', withSketch({ zeroWeight: 1e308 })],
  ['folded[1]', { folded: [1, 1e300] }],
  ['accuracy[0].weight', withAccuracy({ weight: 1e308 })],
  ['accuracy[0].weight_squares', withAccuracy({ weightSquares: 1e308 })],
  ['accuracy[0].coverage', withAccuracy({ coverage: 1.1 })],
  ['accuracy[0].relative_error', withAccuracy({ relativeError: 1e308 })],
  ['accuracy[0].cost', withAccuracy({ cost: 1e308 })],
  ['accuracy[0].total.cost_variance', withAccuracy({ total: { ...figures, costVariance: 1e308 } })],
  ['accuracy[0].calibration[0].bin', withAccuracy({ calibration: [{ ...bin, bin: 10 }] })],
  ['accuracy[0].calibration[0].confidence', withAccuracy({ calibration: [{ ...bin, confidence: 2 }] })],
  ['revision', { revision: 1.5 }],
  [
    'executions[0].attempt',
    { executions: [{ ...(example.executions[0] as ExecutionRecord), attempt: 1.5 }] },
  ],
  ['statistics[0].sketch.offset', withSketch({ offset: (statistics.sketch?.offset ?? 0) + 0.5 })],
  ['accuracy[0].calibration[0].bin', withAccuracy({ calibration: [{ ...bin, bin: 1.5 }] })],
  ['members[0].revision', { members: [{ task: 'm', revision: Number.NaN, dimensions: [summary] }] }],
  ['members[0].dimensions[0].count', withSummary({ count: -1 })],
  ['members[0].dimensions[0].requests', withSummary({ requests: 0.5 })],
  ['members[0].dimensions[0].log_mean', withSummary({ logMean: 1e308 })],
  ['members[0].dimensions[0].log_spread', withSummary({ logSpread: -1 })],
])('a profile whose %s is beyond what can be learned is refused by that field', (field, given) => {
  expect(violationsOf(example)).toEqual([])
  expect(violationsOf({ ...example, ...given })).toEqual([field])
})

/** Law: what folding brings about is within the ranges, so that no profile of ours is ever refused. */
test('whatever is folded, at the very bounds of the contract too, is within', () => {
  fc.assert(
    fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 20 }), fc.nat(1e9), (records, elapsedMs) => {
      const key = { namespace: 'default', kind: 'task', task: 'any' } as const
      let profile: Profile | undefined
      for (const [i, record] of records.entries()) {
        const task = { namespace: key.namespace, task: key.task }
        const now = 1_800_000_000_000 + i * elapsedMs
        const finished = [{ record: { ...record, task } }]
        const after: Profile = foldAll(profile, key, finished, now, defaultFoldSettings).profile
        const told = joinCohorts([{ before: profile, after }], now, { cohortLabels: [] })
        for (const { change } of told) expect(violationsOf(fromProfile(change(undefined)))).toEqual([])
        expect(violationsOf(fromProfile(after))).toEqual([])
        profile = after
      }
    }),
    { numRuns: 200 },
  )
})
