import { calibrationBins } from '../domain/accuracy.ts'
import { atOnce } from '../domain/at-once.ts'
import type { CohortMember } from '../domain/cohort.ts'
import { ForesizeError } from '../domain/errors.ts'
import {
  type AccuracyFigures,
  type DimensionStatistics,
  type Profile,
  type ProfileKey,
  profileSchemaVersion,
  type QuantileSketch,
  type StrategyAccuracy,
} from '../domain/profile.ts'
import { dimensions, resourceLimits } from '../domain/resources.ts'
import { bucketsBetween, emptySketch } from '../domain/sketch.ts'
import { dimensionEnum, outcomeEnum, profileKindEnum } from './enums.ts'
import { fromExecutionRecord, toExecutionRecord, toRunningExecution } from './execution.ts'
import {
  checkText,
  readName,
  readNamespace,
  readWhole,
  readWithin,
  readWord,
  unsignedZero,
} from './fields.ts'
import type * as gen from './gen/foresize/v1/profile.ts'
import type { Inspection } from './inspection.ts'
import { limits } from './limits.ts'

/** An unspecified kind is a task. */
export function toProfileKey(
  message: gen.ProfileKey | undefined,
  path: string,
  seen: Inspection,
): ProfileKey {
  if (message === undefined) {
    seen.reject(path, 'is required')
    return { namespace: '', kind: 'task', task: '' }
  }
  const kind =
    message.kind === 0 ? 'task' : readWord(profileKindEnum, message.kind, 'task', `${path}.kind`, seen)
  return {
    namespace: readNamespace(message.namespace, `${path}.namespace`, seen),
    kind,
    task:
      kind === 'namespace'
        ? checkText(message.task, `${path}.task`, seen)
        : readName(message.task, `${path}.task`, seen),
  }
}

export function fromProfileKey(key: ProfileKey): gen.ProfileKey {
  return { namespace: key.namespace, kind: profileKindEnum.toWire(key.kind), task: key.task }
}

/** Refuses a profile newer than this program, loudly: `unsupported`. */
export const toProfile = (message: gen.Profile, path: string, seen: Inspection): Profile =>
  atOnce(profileSteps(message, path, seen))

/** The same, an entry of a list a step. */
export function* profileSteps(
  message: gen.Profile,
  path: string,
  seen: Inspection,
): Generator<undefined, Profile> {
  if (message.schemaVersion > profileSchemaVersion) {
    throw new ForesizeError(
      'unsupported',
      `profile has schema version ${message.schemaVersion}, this program reads up to ${profileSchemaVersion}`,
    )
  }
  const at = path === '' ? '' : `${path}.`
  for (const list of ['executions', 'running', 'folded', 'accuracy', 'members'] as const) {
    atMost(limits.profile[list], message[list], `${at}${list}`, seen)
  }
  return {
    key: toProfileKey(message.key, `${at}key`, seen),
    schemaVersion: message.schemaVersion,
    revision: readWhole(message.revision, { min: 1, max: ranges.sum.max }, `${at}revision`, seen),
    firstSeenUnixMs: readWithin(message.firstSeenUnixMs, ranges.unixMs, `${at}first_seen_unix_ms`, seen),
    lastSeenUnixMs: readWithin(message.lastSeenUnixMs, ranges.unixMs, `${at}last_seen_unix_ms`, seen),
    outcomes: message.outcomes.map(({ outcome, count }, i) => ({
      outcome: readWord(outcomeEnum, outcome, 'lost', `${at}outcomes[${i}].outcome`, seen),
      count: readWithin(count, ranges.sum, `${at}outcomes[${i}].count`, seen),
    })),
    statistics: message.statistics.map((s, i) => toStatistics(s, `${at}statistics[${i}]`, seen)),
    executions: yield* eachOf(message.executions, `${at}executions`, toExecutionRecord, seen),
    running: yield* eachOf(message.running, `${at}running`, toRunningExecution, seen),
    folded: Float64Array.from(readList(message.folded, ranges.fingerprint, `${at}folded`, seen)),
    accuracy: yield* eachOf(message.accuracy, `${at}accuracy`, toAccuracy, seen),
    members: yield* eachOf(message.members, `${at}members`, toMember, seen),
  }
}

function* eachOf<M, T>(
  entries: readonly M[],
  path: string,
  read: (entry: M, path: string, seen: Inspection) => T,
  seen: Inspection,
): Generator<undefined, T[]> {
  const values: T[] = []
  for (const [i, entry] of entries.entries()) {
    yield
    values.push(read(entry, `${path}[${i}]`, seen))
  }
  return values
}

export function fromProfile(profile: Profile): gen.Profile {
  return {
    ...profile,
    key: fromProfileKey(profile.key),
    folded: [...profile.folded],
    outcomes: profile.outcomes.map(({ outcome, count }) => ({ outcome: outcomeEnum.toWire(outcome), count })),
    statistics: profile.statistics.map((s) => ({ ...s, dimension: dimensionEnum.toWire(s.dimension) })),
    executions: profile.executions.map(fromExecutionRecord),
    accuracy: profile.accuracy.map(fromAccuracy),
    members: profile.members.map(fromMember),
  }
}

export function fromMember(member: CohortMember): gen.CohortMember {
  return {
    ...member,
    dimensions: member.dimensions.map((d) => ({ ...d, dimension: dimensionEnum.toWire(d.dimension) })),
  }
}

function toStatistics(message: gen.DimensionStatistics, path: string, seen: Inspection): DimensionStatistics {
  const dimension = readWord(dimensionEnum, message.dimension, 'memoryBytes', `${path}.dimension`, seen)
  const most = resourceLimits[dimension] * (1 + rounding)
  const amount = (value: number, name: string) =>
    readWithin(value, { min: 0, max: most }, `${path}.${name}`, seen)
  const { sketch } = message
  if (sketch === undefined) seen.reject(`${path}.sketch`, 'is required')
  if (message.min > message.max) seen.reject(`${path}.min`, `must not be above max, ${message.max}`)
  return {
    dimension,
    weight: readWithin(message.weight, ranges.sum, `${path}.weight`, seen),
    mean: amount(message.mean, 'mean'),
    variance: readWithin(message.variance, { min: 0, max: most * most }, `${path}.variance`, seen),
    min: amount(message.min, 'min'),
    max: amount(message.max, 'max'),
    sketch:
      sketch === undefined
        ? emptySketch
        : toSketch(sketch, resourceLimits[dimension], `${path}.sketch`, seen),
  }
}

/** Of a sketch without buckets. */
const anyOffset = [-(2 ** 31), 2 ** 31 - 2] as const

/** Its buckets must stand for values that were measured: those of others have no finite value, or no end. */
function toSketch(
  { relativeAccuracy, zeroWeight, offset, weights }: gen.QuantileSketch,
  largest: number,
  path: string,
  seen: Inspection,
): QuantileSketch {
  const { min, max } = ranges.relativeAccuracy
  const isAccuracy = relativeAccuracy >= min && relativeAccuracy <= max
  readWithin(relativeAccuracy, ranges.relativeAccuracy, `${path}.relative_accuracy`, seen)
  atMost(limits.profile.sketchBuckets, weights, `${path}.weights`, seen)
  const hasBuckets = isAccuracy && weights.length > 0
  const [first, last] = hasBuckets ? bucketsBetween(relativeAccuracy, largest) : anyOffset
  readWhole(offset, { min: first, max: last + 1 - weights.length }, `${path}.offset`, seen)
  return {
    relativeAccuracy,
    zeroWeight: readWithin(zeroWeight, ranges.sum, `${path}.zero_weight`, seen),
    offset,
    weights: readList(weights, ranges.sum, `${path}.weights`, seen),
  }
}

function toMember(message: gen.CohortMember, path: string, seen: Inspection): CohortMember {
  atMost(dimensions.length, message.dimensions, `${path}.dimensions`, seen)
  return {
    task: readName(message.task, `${path}.task`, seen),
    revision: readWhole(message.revision, ranges.sum, `${path}.revision`, seen),
    dimensions: message.dimensions.map((summary, i) => {
      const at = `${path}.dimensions[${i}]`
      const log = (value: number, name: string) => readWithin(value, ranges.logarithm, `${at}.${name}`, seen)
      return {
        dimension: readWord(dimensionEnum, summary.dimension, 'memoryBytes', `${at}.dimension`, seen),
        count: readWhole(summary.count, ranges.count, `${at}.count`, seen),
        logMean: log(summary.logMean, 'log_mean'),
        logSpread: readWithin(
          summary.logSpread,
          { min: 0, max: ranges.logarithm.max },
          `${at}.log_spread`,
          seen,
        ),
        logMax: log(summary.logMax, 'log_max'),
        requests: readWhole(summary.requests, ranges.count, `${at}.requests`, seen),
        ratioLogMean: log(summary.ratioLogMean, 'ratio_log_mean'),
        ratioLogMax: log(summary.ratioLogMax, 'ratio_log_max'),
      }
    }),
  }
}

export function toAccuracy(message: gen.StrategyAccuracy, path: string, seen: Inspection): StrategyAccuracy {
  return {
    strategy: message.strategy,
    variant: message.variant,
    dimension: readWord(dimensionEnum, message.dimension, 'memoryBytes', `${path}.dimension`, seen),
    executions: readWithin(message.executions, ranges.sum, `${path}.executions`, seen),
    ...toFigures(message, path, seen),
    total: message.total && toFigures(message.total, `${path}.total`, seen),
  }
}

export function fromAccuracy(accuracy: StrategyAccuracy): gen.StrategyAccuracy {
  return { ...accuracy, dimension: dimensionEnum.toWire(accuracy.dimension) }
}

function toFigures(figures: AccuracyFigures, path: string, seen: Inspection): AccuracyFigures {
  atMost(calibrationBins, figures.calibration, `${path}.calibration`, seen)
  const read = (value: number, range: Range, name: string) =>
    readWithin(value, range, `${path}.${name}`, seen)
  return {
    weight: read(figures.weight, ranges.sum, 'weight'),
    weightSquares: read(figures.weightSquares, ranges.sumOfSquares, 'weight_squares'),
    coverage: read(figures.coverage, ranges.share, 'coverage'),
    relativeError: read(figures.relativeError, ranges.relativeError, 'relative_error'),
    relativeErrorVariance: read(
      figures.relativeErrorVariance,
      squared(ranges.relativeError),
      'relative_error_variance',
    ),
    wastage: read(figures.wastage, ranges.wastage, 'wastage'),
    cost: read(figures.cost, ranges.wastage, 'cost'),
    costVariance: read(figures.costVariance, squared(ranges.wastage), 'cost_variance'),
    brier: read(figures.brier, ranges.share, 'brier'),
    meanConfidence: read(figures.meanConfidence, ranges.share, 'mean_confidence'),
    calibration: figures.calibration.map(({ bin, weight, confidence, coverage }, i) => ({
      bin: readWhole(bin, { min: 0, max: calibrationBins - 1 }, `${path}.calibration[${i}].bin`, seen),
      weight: read(weight, ranges.sum, `calibration[${i}].weight`),
      confidence: read(confidence, ranges.share, `calibration[${i}].confidence`),
      coverage: read(coverage, ranges.share, `calibration[${i}].coverage`),
    })),
  }
}

interface Range {
  readonly min: number
  readonly max: number
}

const squared = ({ max }: Range): Range => ({ min: 0, max: max * max })

/** By how much a mean of figures may go beyond them. */
const rounding = 1e-9

/**
 * What folding can bring about, and nothing beyond: a figure that is merely finite makes others infinite. Sums are of
 * weights up to 10⁶, relative errors over needs from 10⁻⁹, wastage in a dimension's unit times milliseconds.
 */
export const ranges = {
  unixMs: { min: 0, max: limits.unixMs },
  sum: { min: 0, max: 1e15 },
  sumOfSquares: { min: 0, max: 1e24 },
  count: { min: 0, max: 2 ** 32 - 1 },
  share: { min: 0, max: 1 + rounding },
  relativeError: { min: 0, max: 1e28 },
  wastage: { min: 0, max: 1e31 },
  logarithm: { min: -1000, max: 1000 },
  relativeAccuracy: { min: 0.001, max: 0.5 },
  fingerprint: { min: 0, max: Number.MAX_SAFE_INTEGER },
} satisfies Record<string, Range>

function atMost(most: number, list: readonly unknown[], path: string, seen: Inspection): void {
  if (list.length > most) seen.reject(path, `must have at most ${most} entries, has ${list.length}`)
}

function readList(
  values: readonly number[],
  { min, max }: Range,
  path: string,
  seen: Inspection,
): readonly number[] {
  const bad = values.findIndex((value) => !(value >= min && value <= max))
  if (bad >= 0) readWithin(values[bad] as number, { min, max }, `${path}[${bad}]`, seen)
  return values.some((value) => Object.is(value, -0)) ? values.map(unsignedZero) : values
}
