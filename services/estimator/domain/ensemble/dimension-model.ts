import { atOnce } from '../../../../shared/domain/at-once.ts'
import { clamp } from '../../../../shared/domain/clamp.ts'
import type { Dimension } from '../../../../shared/domain/resources.ts'
import { shortfall } from '../../../../shared/domain/shortfall.ts'
import { addTransform, type Calibration, calibration } from '../distribution/calibration.ts'
import {
  type GrowthRecord,
  growthRecord,
  type PairRecord,
  pairRecords,
} from '../distribution/growth-record.ts'
import { addResidual, type Kernel, pointKernel, skewedKernel } from '../distribution/residuals.ts'
import type { Point } from '../features/encoder.ts'
import { type FeatureRelevance, featureRelevance } from '../features/feature-relevance.ts'
import { type LabelRelevance, labelRelevance } from '../features/label-relevance.ts'
import { capacityFor } from '../history/capacity.ts'
import { type CensoredAttempt, settleCensored } from '../history/censored-attempts.ts'
import {
  addExecution,
  type ExecutionSet,
  type ObservedExecutions,
  observedExecutions,
} from '../history/observed-executions.ts'
import {
  addWeights,
  makeRoom,
  type SampleWeights,
  sampleWeights,
  type WeighedBy,
} from '../history/sample-weights.ts'
import type { NearestTo, Registry } from '../strategies/strategy.ts'
import { measureLocalSamples, measureSamples, predictedFrom } from './effective-sample.ts'
import { experts, type Member, member } from './expert.ts'
import {
  type ExpertWeights,
  type Fits,
  type Predictions,
  plainPredictions,
  weightAt,
} from './expert-weights.ts'
import type { Guard } from './guard.ts'
import { evaluate, measurePriors } from './predictive-density.ts'
import type { Workspace } from './workspace.ts'

/**
 * What is learned of one dimension of one task. Grows in place, by `learnExecution` alone.
 * Law: a function of the executions given so far, in order.
 */
export interface DimensionModel {
  readonly dimension: Dimension
  readonly features: FeatureRelevance
  readonly labels: LabelRelevance
  /** The most informative feature's column, and the most informative label; undefined: none. */
  column: number | undefined
  label: string | undefined
  readonly executions: ObservedExecutions
  readonly calibration: Calibration
  readonly kernel: Kernel
  members: readonly Member[]
  expertWeights: ExpertWeights | undefined
  fits: Fits | undefined
  /** Largest need seen. */
  largest: number | undefined
  /** Attempts killed of late, oldest first. */
  readonly censored: CensoredAttempt[]
  /** What so many executions say of growth beyond the range, by column; each made when it is first asked for. */
  readonly growthRecords: Map<number, GrowthRecord>
  /** The same of two features together: of the most informative one and the one that says most beside it. */
  pair: { readonly executions: number; readonly records: ReadonlyMap<number, PairRecord> } | undefined
  /** Whether the needs of so many executions have changed; made when it is first asked for. */
  changeTest: { readonly executions: number; readonly hasChanged: boolean } | undefined
  /** How far the largest of the needs of so many executions lie apart; made when it is first asked for. */
  spread: { readonly executions: number; readonly upper: number } | undefined
  /** Of the executions whose run time is known; each is at least 1 ms. */
  runtimeSumMs: number
  runtimeCount: number
}

/** What learning needs beside the executions. */
export interface Learning {
  readonly registry: Registry
  readonly guard: Guard
  readonly workspace: Workspace
}

/** `expected`: how many executions will be learned, as far as is known. */
export function dimensionModel(
  dimension: Dimension,
  { registry, guard, workspace }: Learning,
  expected = 0,
): DimensionModel {
  const capacity = capacityFor(expected)
  const executions = observedExecutions(capacity)
  const model: DimensionModel = {
    dimension,
    features: featureRelevance(),
    labels: labelRelevance(),
    column: undefined,
    label: undefined,
    executions,
    calibration: calibration(),
    kernel: shortfall[dimension] === 'kill' ? skewedKernel : pointKernel,
    members: [],
    expertWeights: undefined,
    fits: undefined,
    largest: undefined,
    censored: [],
    growthRecords: new Map(),
    pair: undefined,
    changeTest: undefined,
    spread: undefined,
    runtimeSumMs: 0,
    runtimeCount: 0,
  }
  const surroundings = { primaryColumn: () => model.column, neighbours: neighboursIn(model, workspace) }
  const members: Member[] = []
  for (const [strategy, { start, countsAllAlike, ignoresPoint }] of Object.entries(registry)) {
    const learner = guard(strategy, () => start(surroundings))
    if (learner) members.push(member(strategy, learner, countsAllAlike, ignoresPoint, capacity))
  }
  model.members = members
  return model
}

/** The nearest executions in the most informative feature. */
export const neighboursIn =
  (model: DimensionModel, { neighbours }: Workspace): NearestTo =>
  (point) =>
    neighbours.find(model.executions, model.column, point)

/** Undefined where no run time is known. */
export function meanRuntimeMs({
  runtimeSumMs,
  runtimeCount,
}: Pick<DimensionModel, 'runtimeSumMs' | 'runtimeCount'>): number | undefined {
  return runtimeCount > 0 ? runtimeSumMs / runtimeCount : undefined
}

/**
 * How much each past execution counts for a point. Valid until the workspace is used again. Mostly the dimensions of a task were
 * observed in the same executions and are told most by the same feature: then the second finds what the first has made.
 */
export function weightsFor(model: DimensionModel, point: Point, workspace: Workspace): SampleWeights {
  const { executions, column, label } = model
  const known = workspace.weights
  if (known !== undefined && isBy(known.by, { set: executions.set, column, label, point })) return known
  makeRoom(workspace.weighing, executions.count + 1)
  workspace.weights = sampleWeights(executions, column, label, point, workspace.weighing)
  return workspace.weights
}

const isBy = (a: WeighedBy, b: WeighedBy): boolean =>
  a.set === b.set && a.column === b.column && a.label === b.label && a.point === b.point

/** What the executions say of growth along a column alone, remembered until there are more. */
export function growthRecordOf(model: DimensionModel, column: number): GrowthRecord {
  const { growthRecords, executions } = model
  const known = growthRecords.get(column)
  if (known?.executions === executions.count) return known
  const record = growthRecord(executions, column)
  growthRecords.set(column, record)
  return record
}

/**
 * The same along the most informative feature with the one that says most beside it, and along that one with the most informative, by
 * column, where both surely say something of the need.
 */
export const pairRecordsOf = (model: DimensionModel): ReadonlyMap<number, PairRecord> =>
  knownPair(model) ?? atOnce(pairRecordsInSteps(model))

/** Undefined where they are not made yet. */
export const knownPair = ({
  pair,
  executions,
}: DimensionModel): ReadonlyMap<number, PairRecord> | undefined =>
  pair?.executions === executions.count ? pair.records : undefined

/** Remembered, unless more executions are learned between the steps. */
export function* pairRecordsInSteps(
  model: DimensionModel,
): Generator<undefined, ReadonlyMap<number, PairRecord>> {
  const { column, executions } = model
  const { count } = executions
  const along = (one: number) => growthRecordOf(model, one)
  const isSize = column !== undefined && (executions.largest[column] ?? 0) > 0
  const records = isSize ? yield* pairRecords(along(column), executions, along) : noRecords
  if (executions.count === count) model.pair = { executions: count, records }
  return records
}

const noRecords: ReadonlyMap<number, PairRecord> = new Map()

/** What one execution has shown of one dimension. */
export interface Observation {
  readonly point: Point
  readonly need: number
  /** Unset: not known. */
  readonly runtimeMs?: number | undefined
  readonly attempt: number
  /** The executions observed, with this one, where other dimensions have observed the same. */
  readonly set?: ExecutionSet | undefined
}

/** Scores every expert against the need, then lets the strategies learn it. */
export function learnExecution(model: DimensionModel, observation: Observation, learning: Learning): void {
  const { point, need, runtimeMs, attempt, set } = observation
  const { guard, workspace } = learning
  const { executions } = model
  const weights = weightsFor(model, point, workspace)
  const neighbours = neighboursIn(model, workspace)
  const predictions = plainPredictions(model, point, weights.isLocal, guard, neighbours, workspace.values)
  const slow = weights.slow[executions.count] as number
  const fast = weights.fast[executions.count] as number
  score(model, predictions, weights, Math.log(need), workspace)
  for (const { weightSums } of predictions.members) addWeights(weightSums, slow, fast)
  const knownRuntimeMs = Math.max(runtimeMs ?? meanRuntimeMs(model) ?? 0, 1)
  addExecution(executions, { point, need, runtimeMs: knownRuntimeMs }, set)
  observe(model, point, need, guard)
  model.features.observe(point, need)
  model.labels.observe(point, need)
  model.column = model.features.mostInformative()
  model.label = model.labels.mostInformative()
  if (model.largest === undefined || need > model.largest) model.largest = need
  settleCensored(model.censored, need, attempt)
  if (runtimeMs !== undefined) learnRuntime(model, Math.max(runtimeMs, 1))
}

/** A strategy that fails is followed no more. */
function observe(model: DimensionModel, point: Point, need: number, guard: Guard): void {
  const { members } = model
  let left: Member[] | undefined
  let i = 0
  const learn = () => {
    ;(members[i] as Member).learner.observe(point, need)
    return true
  }
  for (; i < members.length; i++) {
    const one = members[i] as Member
    if (guard(one.strategy, learn)) left?.push(one)
    else left ??= members.slice(0, i)
  }
  if (left !== undefined) model.members = left
}

function learnRuntime(model: DimensionModel, runtimeMs: number): void {
  const { executions } = model
  if (model.runtimeCount === 0) executions.runtimesMs.fill(runtimeMs, 0, executions.count)
  model.runtimeSumMs += runtimeMs
  model.runtimeCount++
}

/** Factor on a log score at each execution after it. */
const scoreDecay = 0.97
/** A single execution moves a score by at most this, up or down. */
const scoreLimit = 6
/** Beyond this a residual, a logarithm, says no more. */
const residualLimit = 30

/** Scores each expert by the density that it gave to the need, and the mixture by the probability at or below it. */
function score(
  model: DimensionModel,
  { values, members, expertWeights }: Predictions,
  weights: SampleWeights,
  logNeed: number,
  { samples, priors, evaluations }: Workspace,
): void {
  const { isLocal } = weights
  const { densities, cumulatives } = evaluations
  const { shares } = expertWeights
  let transform = 0
  let measuredFrom: number | undefined
  for (let i = 0; i < members.length; i++) {
    const member = members[i] as Member
    const residual = clamp(logNeed - Math.log(values[i] as number), -residualLimit, residualLimit)
    const from = predictedFrom(member, weights)
    if (from === undefined || from !== measuredFrom) {
      measureSamples(member, samples)
      if (isLocal) measureLocalSamples(member, weights, samples)
      measurePriors(samples, isLocal, priors)
      measuredFrom = from
    }
    evaluate(member, weights, residual, priors, weightAt(expertWeights, i) > 0, evaluations)
    const { scores } = member
    for (let e = 0; e < experts.length; e++) {
      const share = shares[i * experts.length + e] as number
      if (share > 0) transform += share * (cumulatives[e] as number)
      const gain = clamp(Math.log(densities[e] as number), -scoreLimit, scoreLimit)
      scores[e] = (scores[e] as number) * scoreDecay + gain
    }
    addResidual(member.residuals, residual, model.executions.count)
  }
  if (members.length > 0) addTransform(model.calibration, Math.min(1, transform))
}
