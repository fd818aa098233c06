import { calibrationBins } from '../domain/accuracy.ts'
import type { CohortMember } from '../domain/cohort.ts'
import { ForesizeError } from '../domain/errors.ts'
import {
  type AccuracyFigures,
  type DimensionStatistics,
  type Profile,
  type ProfileKey,
  profileSchemaVersion,
  type StrategyAccuracy,
} from '../domain/profile.ts'
import { dimensions } from '../domain/resources.ts'
import { emptySketch } from '../domain/sketch.ts'
import { dimensionEnum, outcomeEnum, profileKindEnum } from './enums.ts'
import { fromExecutionRecord, toExecutionRecord, toRunningExecution } from './execution.ts'
import { checkText, readName, readNamespace, readWord } from './fields.ts'
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
export function toProfile(message: gen.Profile, path: string, seen: Inspection): Profile {
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
    revision: message.revision,
    firstSeenUnixMs: finite(message.firstSeenUnixMs, `${at}first_seen_unix_ms`, seen),
    lastSeenUnixMs: finite(message.lastSeenUnixMs, `${at}last_seen_unix_ms`, seen),
    outcomes: message.outcomes.map(({ outcome, count }, i) => ({
      outcome: readWord(outcomeEnum, outcome, 'lost', `${at}outcomes[${i}].outcome`, seen),
      count: finite(count, `${at}outcomes[${i}].count`, seen),
    })),
    statistics: message.statistics.map((s, i) => toStatistics(s, `${at}statistics[${i}]`, seen)),
    executions: message.executions.map((e, i) => toExecutionRecord(e, `${at}executions[${i}]`, seen)),
    running: message.running.map((e, i) => toRunningExecution(e, `${at}running[${i}]`, seen)),
    folded: allFinite(message.folded, `${at}folded`, seen),
    accuracy: message.accuracy.map((a, i) => toAccuracy(a, `${at}accuracy[${i}]`, seen)),
    members: message.members.map((m, i) => toMember(m, `${at}members[${i}]`, seen)),
  }
}

export function fromProfile(profile: Profile): gen.Profile {
  return {
    ...profile,
    key: fromProfileKey(profile.key),
    outcomes: profile.outcomes.map(({ outcome, count }) => ({ outcome: outcomeEnum.toWire(outcome), count })),
    statistics: profile.statistics.map((s) => ({ ...s, dimension: dimensionEnum.toWire(s.dimension) })),
    executions: profile.executions.map(fromExecutionRecord),
    accuracy: profile.accuracy.map(fromAccuracy),
    members: profile.members.map((member) => ({
      ...member,
      dimensions: member.dimensions.map((d) => ({ ...d, dimension: dimensionEnum.toWire(d.dimension) })),
    })),
  }
}

function toStatistics(message: gen.DimensionStatistics, path: string, seen: Inspection): DimensionStatistics {
  const { sketch } = message
  if (sketch === undefined) seen.reject(`${path}.sketch`, 'is required')
  else checkSketch(sketch, `${path}.sketch`, seen)
  for (const name of ['weight', 'mean', 'variance', 'min', 'max'] as const) {
    finite(message[name], `${path}.${name}`, seen)
  }
  return {
    ...message,
    dimension: readWord(dimensionEnum, message.dimension, 'memoryBytes', `${path}.dimension`, seen),
    sketch: sketch ?? emptySketch,
  }
}

function checkSketch(sketch: gen.QuantileSketch, path: string, seen: Inspection): void {
  if (!(sketch.relativeAccuracy > 0 && sketch.relativeAccuracy < 1)) {
    seen.reject(`${path}.relative_accuracy`, `must be above 0 and below 1, was ${sketch.relativeAccuracy}`)
  }
  finite(sketch.zeroWeight, `${path}.zero_weight`, seen)
  atMost(limits.profile.sketchBuckets, sketch.weights, `${path}.weights`, seen)
  allFinite(sketch.weights, `${path}.weights`, seen)
}

function toMember(message: gen.CohortMember, path: string, seen: Inspection): CohortMember {
  atMost(dimensions.length, message.dimensions, `${path}.dimensions`, seen)
  return {
    task: readName(message.task, `${path}.task`, seen),
    revision: message.revision,
    dimensions: message.dimensions.map((summary, i) => {
      const at = `${path}.dimensions[${i}]`
      for (const [figure, name] of memberFigures) {
        if (!Number.isFinite(summary[figure]))
          seen.reject(`${at}.${name}`, `must be finite, was ${summary[figure]}`)
      }
      return {
        ...summary,
        dimension: readWord(dimensionEnum, summary.dimension, 'memoryBytes', `${at}.dimension`, seen),
      }
    }),
  }
}

/** Logarithms: of either sign. */
const memberFigures = [
  ['logMean', 'log_mean'],
  ['logSpread', 'log_spread'],
  ['logMax', 'log_max'],
  ['ratioLogMean', 'ratio_log_mean'],
  ['ratioLogMax', 'ratio_log_max'],
] as const

export function toAccuracy(message: gen.StrategyAccuracy, path: string, seen: Inspection): StrategyAccuracy {
  finite(message.executions, `${path}.executions`, seen)
  checkFigures(message, path, seen)
  if (message.total !== undefined) checkFigures(message.total, `${path}.total`, seen)
  return {
    ...message,
    dimension: readWord(dimensionEnum, message.dimension, 'memoryBytes', `${path}.dimension`, seen),
  }
}

export function fromAccuracy(accuracy: StrategyAccuracy): gen.StrategyAccuracy {
  return { ...accuracy, dimension: dimensionEnum.toWire(accuracy.dimension) }
}

function checkFigures(figures: AccuracyFigures, path: string, seen: Inspection): void {
  for (const [figure, name] of accuracyFigures) finite(figures[figure], `${path}.${name}`, seen)
  atMost(calibrationBins, figures.calibration, `${path}.calibration`, seen)
  for (const [i, bin] of figures.calibration.entries()) {
    for (const name of ['bin', 'weight', 'confidence', 'coverage'] as const) {
      finite(bin[name], `${path}.calibration[${i}].${name}`, seen)
    }
  }
}

const accuracyFigures = [
  ['weight', 'weight'],
  ['weightSquares', 'weight_squares'],
  ['coverage', 'coverage'],
  ['relativeError', 'relative_error'],
  ['relativeErrorVariance', 'relative_error_variance'],
  ['wastage', 'wastage'],
  ['cost', 'cost'],
  ['costVariance', 'cost_variance'],
  ['brier', 'brier'],
  ['meanConfidence', 'mean_confidence'],
] as const

function atMost(most: number, list: readonly unknown[], path: string, seen: Inspection): void {
  if (list.length > most) seen.reject(path, `must have at most ${most} entries, has ${list.length}`)
}

function allFinite(values: readonly number[], path: string, seen: Inspection): readonly number[] {
  const bad = values.findIndex((value) => !(value >= 0 && value < Number.POSITIVE_INFINITY))
  if (bad >= 0) finite(values[bad] as number, `${path}[${bad}]`, seen)
  return values
}

function finite(value: number, path: string, seen: Inspection): number {
  if (!(value >= 0 && value < Number.POSITIVE_INFINITY))
    seen.reject(path, `must be finite and not negative, was ${value}`)
  return value
}
