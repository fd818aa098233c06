import fc from 'fast-check'
import { calibrationBins } from '../../shared/domain/accuracy.ts'
import {
  type Confidence,
  clampKinds,
  type Estimate,
  type EstimateQuery,
  estimateSources,
  mostNearestNames,
  mostNotices,
  type Notice,
  noticeKinds,
} from '../../shared/domain/estimate.ts'
import {
  type ExecutionRecord,
  measurementSources,
  outcomes,
  type RunningExecution,
} from '../../shared/domain/execution.ts'
import { type Profile, type ProfileKey, profileKinds } from '../../shared/domain/profile.ts'
import { dimensions, type Resources, resourceLimits } from '../../shared/domain/resources.ts'
import { bucketsBetween } from '../../shared/domain/sketch.ts'
import type * as gen from '../../shared/wire/gen/foresize/v1/profile.ts'
import { limits } from '../../shared/wire/limits.ts'
import { fromProfile } from '../../shared/wire/profile.ts'

/** Values of the domain that the contract allows, up to its very bounds. */

const bytes = (text: string) => Buffer.byteLength(text)

/** Any text that a name may be: the contract bans control characters and counts UTF-8 bytes. */
export const anyText = fc
  .string({ unit: 'grapheme', maxLength: 40 })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  .map((text) => text.replace(/[\u0000-\u001f\u007f]/g, ''))
  // A plain object has no such key of its own: protobuf's generated code cannot hold it.
  .filter((text) => bytes(text) <= limits.nameBytes && text !== '__proto__')

export const anyName = anyText.filter((text) => text !== '')
const perhaps = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })

/** Negative zero is zero on the wire. */
const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)
export const positive = fc.double({ min: 0, max: 1e15, noNaN: true })
const share = fc.double({ min: 0, max: 1, noNaN: true })

export const anyResources: fc.Arbitrary<Resources> = fc.record(
  Object.fromEntries(
    dimensions.map((name) => [name, fc.double({ min: 0, max: resourceLimits[name], noNaN: true })]),
  ),
  { requiredKeys: [], noNullPrototype: true },
)

/** In order of key, as every reader of the wire gives them. */
const entries = <T>(value: fc.Arbitrary<T>) =>
  fc
    .dictionary(anyName, value, { maxKeys: limits.entries, noNullPrototype: true })
    .map((record) => Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))))

export const anyFeatures = entries(finite)
export const anyLabels = entries(anyText)

const anyTask = fc.record({ namespace: anyName, task: anyName }, { noNullPrototype: true })
const attempt = fc.integer({ min: 1, max: limits.attempt })
const token = fc.uint8Array({ maxLength: 64 })

export const anyRecord: fc.Arbitrary<ExecutionRecord> = fc.record(
  {
    executionId: anyName,
    task: anyTask,
    attempt,
    features: anyFeatures,
    labels: anyLabels,
    requested: anyResources,
    allocated: anyResources,
    estimateToken: token,
    weight: fc.double({ min: 1, max: limits.weight, noNaN: true }),
    used: anyResources,
    outcome: fc.constantFrom(...outcomes),
    source: fc.constantFrom(...measurementSources),
    measured: fc.option(
      fc.record(
        Object.fromEntries(
          ['treeMemoryBytes', 'chargedMemoryBytes', 'throttledMs', 'overheadMemoryBytes'].map((name) => [
            name,
            fc.double({ min: 0, max: 1e12, noNaN: true }),
          ]),
        ),
        { requiredKeys: [] },
      ),
      { nil: undefined },
    ),
    endedAtUnixMs: fc.double({ min: 0, max: limits.unixMs, noNaN: true }),
  },
  { noNullPrototype: true },
)

const unixMs = fc.option(fc.double({ min: 0, max: limits.unixMs, noNaN: true }), { nil: undefined })

const anyRunning: fc.Arbitrary<RunningExecution> = fc.record(
  {
    executionId: anyName,
    attempt,
    features: anyFeatures,
    labels: anyLabels,
    requested: anyResources,
    allocated: anyResources,
    peak: anyResources,
    startedAtUnixMs: unixMs,
    lastSeenUnixMs: unixMs,
  },
  { noNullPrototype: true },
)

export const anyProfileKey: fc.Arbitrary<ProfileKey> = fc.record(
  { namespace: anyName, kind: fc.constantFrom(...profileKinds), task: anyName },
  { noNullPrototype: true },
)

/** What a logarithm of a need or of a ratio of two can be. */
const logarithm = fc.double({ min: -1000, max: 1000, noNaN: true }).map((value) => value + 0)

const anyStatistics = fc.constantFrom(...dimensions).chain((dimension) => {
  const amount = fc.double({ min: 0, max: resourceLimits[dimension], noNaN: true })
  const [first, last] = bucketsBetween(0.01, resourceLimits[dimension])
  return fc
    .record(
      {
        dimension: fc.constant(dimension),
        weight: positive,
        mean: amount,
        variance: amount.map((value) => value * value),
        min: amount,
        max: amount,
        sketch: fc.record(
          {
            relativeAccuracy: fc.constant(0.01),
            zeroWeight: positive,
            offset: fc.integer({ min: first, max: last - 20 }),
            weights: fc.array(positive, { maxLength: 20 }),
          },
          { noNullPrototype: true },
        ),
      },
      { noNullPrototype: true },
    )
    .map((each) => ({ ...each, min: Math.min(each.min, each.max) }))
})

const accuracyFigures = {
  weight: positive,
  weightSquares: positive,
  coverage: share,
  relativeError: positive,
  relativeErrorVariance: positive,
  wastage: positive,
  cost: positive,
  costVariance: positive,
  brier: share,
  meanConfidence: share,
  calibration: fc.array(
    fc.record(
      { bin: fc.nat(calibrationBins - 1), weight: positive, confidence: share, coverage: share },
      { noNullPrototype: true },
    ),
    { maxLength: 3 },
  ),
}

export const anyProfile: fc.Arbitrary<Profile> = fc.record(
  {
    key: anyProfileKey,
    schemaVersion: fc.constant(1),
    revision: fc.integer({ min: 1, max: 1e15 }),
    firstSeenUnixMs: fc.double({ min: 0, max: limits.unixMs, noNaN: true }),
    lastSeenUnixMs: fc.double({ min: 0, max: limits.unixMs, noNaN: true }),
    outcomes: fc.array(
      fc.record({ outcome: fc.constantFrom(...outcomes), count: positive }, { noNullPrototype: true }),
      { maxLength: outcomes.length },
    ),
    statistics: fc.array(anyStatistics, { maxLength: dimensions.length }),
    executions: fc.array(anyRecord, { maxLength: 3 }),
    running: fc.array(anyRunning, { maxLength: 3 }),
    folded: fc
      .array(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), { maxLength: 20 })
      .map((prints) => Float64Array.from(prints)),
    accuracy: fc.array(
      fc.record(
        {
          strategy: anyName,
          variant: anyText,
          dimension: fc.constantFrom(...dimensions),
          executions: positive,
          ...accuracyFigures,
          total: fc.option(fc.record(accuracyFigures, { noNullPrototype: true }), { nil: undefined }),
        },
        { noNullPrototype: true },
      ),
      { maxLength: 4 },
    ),
    members: fc.array(
      fc.record(
        {
          task: anyName,
          revision: fc.nat(),
          dimensions: fc.array(
            fc.record(
              {
                dimension: fc.constantFrom(...dimensions),
                count: fc.nat(),
                logMean: logarithm,
                logSpread: logarithm.map(Math.abs),
                logMax: logarithm,
                requests: fc.nat(),
                ratioLogMean: logarithm,
                ratioLogMax: logarithm,
              },
              { noNullPrototype: true },
            ),
            { maxLength: dimensions.length },
          ),
        },
        { noNullPrototype: true },
      ),
      { maxLength: 3 },
    ),
  },
  { noNullPrototype: true },
)

/** Numbers and texts that some form of storage does not tell apart or cannot hold. */
const oddNumber = fc.constantFrom(-0, 0, 5e-324, -5e-324, 2 ** -1022, 0.1 + 0.2, 2 ** 19 + 1e-10, 1e-300)
const oddText = fc.constantFrom(
  ...['\u202eabc', '\ufeffbom', 'a\u2028b', '\u0085', 'é', 'e\u0301', '😀', 'constructor', '=1+1', '\u200d'],
)

/** A profile as it might come over the wire, with such numbers and texts in every place that takes them. */
export const oddWireProfile: fc.Arbitrary<gen.Profile> = fc
  .tuple(anyProfile, fc.array(fc.tuple(oddText, oddNumber), { minLength: 1, maxLength: 4 }), anyRecord)
  .map(([profile, odd, record]) => {
    const [text, value] = odd[0] as (typeof odd)[number]
    const amount = Math.abs(value) * (Object.is(value, -0) ? -1 : 1)
    const message = fromProfile({ ...profile, executions: [record] })
    return {
      ...message,
      statistics: message.statistics.map((each) => ({ ...each, weight: amount, variance: amount })),
      executions: message.executions.map((execution) => ({
        ...execution,
        executionId: text,
        features: Object.fromEntries(odd),
        labels: Object.fromEntries(odd.map(([key]) => [key, text])),
        requested: { memoryBytes: amount },
        used: { cpuCores: amount, memoryBytes: amount, durationMs: amount },
        endedAtUnixMs: amount,
      })),
      folded: [amount, ...message.folded],
    }
  })

export const anyQuery: fc.Arbitrary<EstimateQuery> = fc.record(
  {
    task: anyTask,
    features: anyFeatures,
    labels: anyLabels,
    requested: anyResources,
    attempt,
    previousAllocation: anyResources,
    previousOutcome: fc.option(fc.constantFrom(...outcomes), { nil: undefined }),
    policy: fc.record(
      {
        risk: share,
        targetCoverage: fc.double({ min: 0.001, max: 0.999, noNaN: true }),
        strategies: fc.array(anyName, { minLength: 1, maxLength: limits.strategies }),
        max: anyResources.filter((max) => Object.values(max).every((most) => most !== 0)),
      },
      { requiredKeys: [], noNullPrototype: true },
    ),
    executionId: perhaps(anyName),
  },
  { noNullPrototype: true },
)

export const anyNotice: fc.Arbitrary<Notice> = fc.record(
  {
    kind: fc.constantFrom(...noticeKinds),
    subject: perhaps(anyName),
    number: perhaps(positive),
    nearest: fc.array(anyName, { maxLength: mostNearestNames }),
    dimension: perhaps(fc.constantFrom(...dimensions)),
  },
  { noNullPrototype: true },
)

export const anyNotices = fc.array(anyNotice, { maxLength: mostNotices - 1 })

export const anyEstimate: fc.Arbitrary<Estimate> = fc.record(
  {
    resources: anyResources,
    confidence: share,
    source: fc.constantFrom(...estimateSources),
    reason: anyText,
    dimensions: fc.uniqueArray(
      fc.record(
        {
          dimension: fc.constantFrom(...dimensions),
          allocation: positive.map((value) => value + 1),
          expected: positive,
          lower: positive,
          upper: positive,
          confidence: share,
          source: fc.constantFrom(...estimateSources),
          strategy: perhaps(anyName),
          predictions: fc.uniqueArray(
            fc.record(
              {
                strategy: anyName,
                value: fc.option(
                  positive.map((value) => value + 1),
                  { nil: undefined },
                ),
                weight: share,
                reason: perhaps(anyName),
              },
              { noNullPrototype: true },
            ),
            { maxLength: 4, selector: ({ strategy }) => strategy },
          ),
          clamps: fc.array(
            fc.record(
              { kind: fc.constantFrom(...clampKinds), before: positive, after: positive },
              { noNullPrototype: true },
            ),
            { maxLength: 3 },
          ),
          failurePrice: perhaps(positive),
          tailChance: perhaps(share),
        },
        { noNullPrototype: true },
      ),
      { selector: ({ dimension }) => dimension },
    ),
    profileRevision: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    executions: positive,
    variant: perhaps(anyName),
    variantByExecution: fc.boolean(),
    notices: anyNotices,
  },
  { noNullPrototype: true },
)

export const anyConfidence: fc.Arbitrary<Confidence> = fc.record(
  {
    confidence: share,
    dimensions: fc.array(
      fc.record(
        {
          dimension: fc.constantFrom(...dimensions),
          allocation: positive,
          confidence: share,
          curve: fc.array(fc.record({ amount: positive, confidence: share }, { noNullPrototype: true }), {
            maxLength: 3,
          }),
        },
        { noNullPrototype: true },
      ),
    ),
    source: fc.constantFrom(...estimateSources),
    reason: anyText,
    executions: positive,
    profileRevision: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    notices: anyNotices,
  },
  { noNullPrototype: true },
)
