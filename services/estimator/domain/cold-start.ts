import type { EstimateQuery, EstimateSource } from '../../../shared/domain/estimate.ts'
import type { Profile } from '../../../shared/domain/profile.ts'
import type { Dimension, Resources } from '../../../shared/domain/resources.ts'
import { shortfall } from '../../../shared/domain/shortfall.ts'
import { around } from './mixture.ts'
import type { Need } from './need.ts'
import { unforeseenAfter } from './unforeseen.ts'

/** A cohort or a namespace: tasks in summary. */
export type Kin = Pick<Profile, 'key' | 'members'>

/** What is believed of a task without history, and why. */
export interface Belief {
  readonly need: Need
  readonly source: EstimateSource
  readonly reason: string
  /** Set where the amount is simply taken over instead of derived from the distribution. */
  readonly amount?: number
  /** Set where the amount is to suffice with a high probability: tasks that need not have anything in common say it. */
  readonly unrelated?: true
}

const fewest = 3
/** Of tasks that need not have anything in common. */
const fewestUnrelated = 8

/**
 * Walks the cohorts from the most telling, the namespace, the request, the default.
 * `undefined`: nobody asked for this dimension and nothing is known of it.
 */
export function coldStart(
  relatives: readonly Kin[],
  query: Pick<EstimateQuery, 'requested'>,
  defaults: Resources,
  dimension: Dimension,
): Belief | undefined {
  const request = positive(query.requested[dimension])
  for (const kin of relatives) {
    const source = kin.key.kind === 'namespace' ? 'namespace' : 'cohort'
    const unrelated = source === 'namespace' && request === undefined
    // Of what is not fatal to lack, unrelated tasks say nothing.
    if (unrelated && shortfall[dimension] !== 'kill') continue
    const need = fromMembers(kin, dimension, request, unrelated ? fewestUnrelated : fewest)
    if (need === undefined) continue
    return { need, source, reason: reasonOf(kin, request), ...(unrelated ? { unrelated } : {}) }
  }
  if (request !== undefined) {
    const reason = 'what was requested'
    return { need: vague(request / 3), source: 'request', reason, amount: request }
  }
  const fallback = positive(defaults[dimension])
  if (fallback === undefined) return undefined
  const reason = 'the configured default, since nothing was requested'
  return { need: vague(fallback / 3), source: 'default', reason, amount: fallback }
}

function reasonOf({ key, members }: Kin, request: number | undefined): string {
  const whose = key.kind === 'namespace' ? `the namespace ${key.namespace}` : key.task
  const what = request === undefined ? 'use' : 'use of what they request'
  return `what ${members.length} tasks of ${whose} ${what}`
}

/** An amount below, in whatever unit, is as good as none asked for. */
const leastAmount = 1e-3

const positive = (amount: number | undefined): number | undefined =>
  amount !== undefined && amount >= leastAmount && Number.isFinite(amount) ? amount : undefined

/** Each member task speaks once: 0.7 for its mean, 0.3 for its largest. */
function fromMembers(kin: Kin, d: Dimension, request: number | undefined, least: number): Need | undefined {
  const points: [number, number][] = []
  let members = 0
  for (const { dimensions } of kin.members) {
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
  const unforeseen = unforeseenAfter(members, largest)
  return { distribution: around(spread, shift), calibration: undefined, above: 0, unforeseen }
}

/** What a need of which only an order of magnitude is known is to that, as logarithms. */
const wide = around(
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

function vague(base: number): Need {
  const { size, below, spent } = wide
  const shift = Math.log(base)
  const atoms = new Float64Array(size)
  for (let i = 0; i < size; i++) atoms[i] = (wide.atoms[i] as number) + shift
  return { distribution: { size, atoms, below, spent }, calibration: undefined, above: 0 }
}
