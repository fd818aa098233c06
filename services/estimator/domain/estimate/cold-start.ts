import type { EstimateQuery } from '../../../../shared/domain/estimate.ts'
import type { Profile } from '../../../../shared/domain/profile.ts'
import type { Dimension, Resources } from '../../../../shared/domain/resources.ts'
import { shortfall } from '../../../../shared/domain/shortfall.ts'
import type { PredictedNeed } from '../distribution/coverage.ts'
import { mixtureAround } from '../distribution/mixture.ts'
import { tailAfter } from '../distribution/tail.ts'
import type { Basis } from './reasons.ts'

/** A cohort or a namespace: tasks in summary. */
export type TaskGroup = Pick<Profile, 'key' | 'members'>

/** What is predicted of a task without history, and from what. */
export interface ColdStart {
  readonly need: PredictedNeed
  readonly basis: Basis
  /** Set where the amount is simply taken over instead of derived from the distribution. */
  readonly amount?: number | undefined
  /** Whether it rests on tasks that need not have anything in common: the amount is to suffice with a high probability. */
  readonly isUnrelated: boolean
}

const fewestTasks = 3
/** Of tasks that need not have anything in common. */
const fewestUnrelated = 8

/**
 * The cohorts from the closest, the namespace, the request, the default: the first that has anything to say.
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
    const isUnrelated = kind === 'namespace' && request === undefined
    // Of what is not fatal to lack, unrelated tasks say nothing.
    if (isUnrelated && shortfall[dimension] !== 'kill') continue
    const need = fromMembers(group, dimension, request, isUnrelated ? fewestUnrelated : fewestTasks)
    if (need === undefined) continue
    const name = kind === 'namespace' ? group.key.namespace : group.key.task
    const basis = { kind, name, tasks: group.members.length, ofRequest: request !== undefined } as const
    return { need, basis, isUnrelated }
  }
  if (request !== undefined)
    return { need: vague(request / 3), basis: { kind: 'request' }, amount: request, isUnrelated: false }
  const fallback = positive(defaults[dimension])
  if (fallback === undefined) return undefined
  return { need: vague(fallback / 3), basis: { kind: 'default' }, amount: fallback, isUnrelated: false }
}

/** An amount below, in whatever unit, is as good as none asked for. */
const leastAmount = 1e-3

const positive = (amount: number | undefined): number | undefined =>
  amount !== undefined && amount >= leastAmount && Number.isFinite(amount) ? amount : undefined

/** Each member task counts once: 0.7 for its mean, 0.3 for its largest. */
function fromMembers(
  group: TaskGroup,
  d: Dimension,
  request: number | undefined,
  least: number,
): PredictedNeed | undefined {
  const points: [at: number, weight: number][] = []
  let members = 0
  for (const { dimensions } of group.members) {
    const summary = dimensions.find(({ dimension }) => dimension === d)
    if (summary === undefined || (request !== undefined && summary.requests === 0)) continue
    members++
    points.push([request === undefined ? summary.logMean : summary.ratioLogMean, 0.7])
    points.push([request === undefined ? summary.logMax : summary.ratioLogMax, 0.3])
  }
  if (members < least) return undefined
  // Around what they use on average, where there is no request to expect it around.
  const middle = points.reduce((sum, [at, weight]) => sum + at * weight, 0) / members
  const [shift, from] = request === undefined ? [middle, middle] : [Math.log(request), 0]
  const spread = points.map(([at, weight]) => [at - from, weight] as const)
  const largest = Math.exp(shift - from + Math.max(...points.map(([at]) => at)))
  return { distribution: mixtureAround(spread, shift), tail: tailAfter(members, largest) }
}

/** What a need of which only an order of magnitude is known is to that, as logarithms. */
const wide = mixtureAround(
  [
    [-3, 1],
    [-1.5, 2],
    [-0.7, 2],
    [0, 2],
    [0.5, 2],
    [0.9, 1],
    [1.5, 0.6],
    [2.5, 0.4],
  ],
  0,
)

function vague(base: number): PredictedNeed {
  const { size, cumulative, runtimeShare } = wide
  const shift = Math.log(base)
  const atoms = new Float64Array(size)
  for (let i = 0; i < size; i++) atoms[i] = (wide.atoms[i] as number) + shift
  return { distribution: { size, atoms, cumulative, runtimeShare } }
}
