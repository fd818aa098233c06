import type { MemberSummary } from '../../../../shared/domain/cohort.ts'
import type { EstimateQuery } from '../../../../shared/domain/estimate.ts'
import { addValue, moments } from '../../../../shared/domain/moments.ts'
import type { Profile } from '../../../../shared/domain/profile.ts'
import type { Dimension, Resources } from '../../../../shared/domain/resources.ts'
import { shortfall } from '../../../../shared/domain/shortfall.ts'
import type { PredictedNeed } from '../distribution/coverage.ts'
import type { Distribution } from '../distribution/distribution.ts'
import { mixtureAround } from '../distribution/mixture.ts'
import { populations } from '../distribution/population.ts'
import { tailAfter } from '../distribution/tail.ts'
import { asksInItsUnit } from '../history/request-ratios.ts'
import type { Basis } from './reasons.ts'

/** A cohort or a namespace: tasks in summary. */
export type TaskGroup = Pick<Profile, 'key' | 'members'>

/** What is predicted of a task without history, and from what. */
export interface ColdStart {
  readonly need: PredictedNeed
  readonly basis: Basis
  /** Set where the amount is simply taken over instead of derived from the distribution. */
  readonly amount?: number | undefined
  /** What was asked for, where anything was. */
  readonly request?: number | undefined
  /** How long the tasks that it is predicted from run on average, where that is known. */
  readonly runtimeMs?: number | undefined
}

const fewestTasks = 3
/** Tasks of a cohort are related where what they use of their requests, or use, spreads by no more, as a standard deviation of the
 * logarithm: a factor of 2.7 to either side. */
const mostSpread = 1
/** Of tasks that need not have anything in common. */
const fewestUnrelated = 8
/** A task that needed more than this many times its request has asked in another unit, or has not asked: it says nothing of requests. */
const mostOfRequest = 100

/**
 * The cohorts from the closest, the namespace, the request, the default: the first that has anything to say. A cohort whose
 * tasks have little in common, as those of a container that a whole pipeline shares, has nothing.
 * `undefined`: nobody asked for this dimension and nothing is known of it.
 */
export function coldStart(
  groups: readonly TaskGroup[],
  query: Pick<EstimateQuery, 'requested'>,
  defaults: Resources,
  dimension: Dimension,
): ColdStart | undefined {
  const request = positive(query.requested[dimension])
  for (const group of groups) {
    const kind = group.key.kind === 'namespace' ? 'namespace' : 'cohort'
    const byUseAlone = kind === 'namespace' && request === undefined
    // Of what is not fatal to lack, unrelated tasks say nothing.
    if (byUseAlone && shortfall[dimension] !== 'kill') continue
    const least = byUseAlone ? fewestUnrelated : fewestTasks
    const need = fromMembers(group, dimension, request, least, kind === 'cohort' ? mostSpread : undefined)
    if (need === undefined) continue
    const name = kind === 'namespace' ? group.key.namespace : group.key.task
    const basis = { kind, name, tasks: group.members.length, ofRequest: request !== undefined } as const
    return { need, basis, request, runtimeMs: meanRuntimeOf(group) }
  }
  if (request !== undefined)
    return { need: requestedNeed(request), basis: { kind: 'request' }, amount: request, request }
  const fallback = positive(defaults[dimension])
  if (fallback === undefined) return undefined
  return { need: unknownNeed(dimension), basis: { kind: 'default' }, amount: fallback }
}

/** An amount below, in whatever unit, is as good as none asked for. */
const leastAmount = 1e-3

const positive = (amount: number | undefined): number | undefined =>
  amount !== undefined && amount >= leastAmount && Number.isFinite(amount) ? amount : undefined

/**
 * Each member task counts once: 0.7 for its mean, 0.3 for its largest. Undefined where they are too few, or where their means
 * spread by more than `most`.
 */
function fromMembers(
  group: TaskGroup,
  d: Dimension,
  request: number | undefined,
  least: number,
  most = Number.POSITIVE_INFINITY,
): PredictedNeed | undefined {
  const points: [at: number, weight: number][] = []
  const means = moments()
  for (const { dimensions } of group.members) {
    const summary = dimensions.find(({ dimension }) => dimension === d)
    if (summary === undefined || (request !== undefined && !saysOfRequests(summary))) continue
    const mean = request === undefined ? summary.logMean : summary.ratioLogMean
    addValue(means, mean)
    points.push([mean, 0.7])
    points.push([request === undefined ? summary.logMax : summary.ratioLogMax, 0.3])
  }
  const members = means.count
  if (members < least || means.squares > most ** 2 * (members - 1)) return undefined
  // Around what they use on average, where there is no request to expect it around.
  const middle = points.reduce((sum, [at, weight]) => sum + at * weight, 0) / members
  const [shift, from] = request === undefined ? [middle, middle] : [Math.log(request), 0]
  const spread = points.map(([at, weight]) => [at - from, weight] as const)
  const largest = Math.exp(shift - from + Math.max(...points.map(([at]) => at)))
  return { distribution: mixtureAround(spread, shift), tail: tailAfter(members, largest) }
}

const saysOfRequests = (summary: MemberSummary): boolean =>
  asksInItsUnit(summary) && summary.ratioLogMax <= Math.log(mostOfRequest)

/** Over tasks, each by the mean of the logarithms. */
function meanRuntimeOf({ members }: TaskGroup): number | undefined {
  const runtimes = moments()
  for (const { dimensions } of members)
    for (const { dimension, logMean } of dimensions)
      if (dimension === 'durationMs') addValue(runtimes, Math.exp(logMean))
  return runtimes.count === 0 ? undefined : runtimes.mean
}

/**
 * Of a task of which only the request is known: half need less than a twelfth of it, one in 24 needs more. (On the traces
 * none of 193 tasks needed more the first time, half of them less than a thirtieth.)
 */
const requestedNeed = (request: number): PredictedNeed => ({
  distribution: logLogistic(request / 12, 0.8),
})

/** Of a task of which nothing is known: what tasks need at all, whatever the default is. */
const unknownNeed = (dimension: Dimension): PredictedNeed => {
  const { median, scale } = populations[dimension]
  return { distribution: logLogistic(median, scale) }
}

/** Atoms of a broad distribution, and how far they reach from its median, in scales. */
const broadAtoms = 64
const reach = 6

/** Of which half lies below the median; `scale` is of the logarithm. */
function logLogistic(median: number, scale: number): Distribution {
  const atoms = new Float64Array(broadAtoms)
  const cumulative = new Float64Array(broadAtoms)
  for (let i = 0; i < broadAtoms; i++) {
    const z = reach * ((2 * i) / (broadAtoms - 1) - 1)
    atoms[i] = Math.log(median) + scale * z
    cumulative[i] = i === broadAtoms - 1 ? 1 : 1 / (1 + Math.exp(-z))
  }
  return { size: broadAtoms, atoms, cumulative, runtimeShare: cumulative }
}
