import { joinedSize, joinResiduals, type Runtimes } from '../distribution/joined-residuals.ts'
import type { PriorComponent, ResidualComponent } from '../distribution/mixture.ts'
import type { DistributionWorkspace } from '../distribution/workspace.ts'
import type { SampleWeights, Weighting } from '../history/sample-weights.ts'
import { measureLocalSamples, measureSamples } from './effective-sample.ts'
import { type Expert, experts, type Member, plainExperts } from './expert.ts'
import { type ExpertWeights, type Forecast, type Prediction, weightAt } from './expert-weights.ts'
import { priorMass, priorScale } from './prior.ts'
import type { Workspace } from './workspace.ts'

/**
 * What of a mixture hangs on no query, the parts of all strategies that enter it, one after the other: a query reads them all.
 * Shape of a part: its head; so many times the scale and the share of a prior around the prediction, of the experts that weigh
 * no execution by its proximity; and where there are no others, so many residuals, joined.
 */

/** Places in the head: of the member, what a unit of slow and of fast weight is worth, how many priors, how many residuals. */
const head = { place: 0, slow: 1, fast: 2, priors: 3, residuals: 4 } as const
const headSize = 5
/** How many residuals there are where some expert weighs by proximity, so that they are joined for each query. */
const unjoined = -1

/** The components of a mixture, and its priors. Valid until the workspace is used again. */
export function componentsOf(
  { followed, expertWeights }: Pick<Forecast, 'followed' | 'expertWeights'>,
  weights: SampleWeights,
  runtimes: Runtimes | undefined,
  { samples, distribution }: Pick<Workspace, 'samples' | 'distribution'>,
): { readonly components: readonly ResidualComponent[]; readonly priors: readonly PriorComponent[] } {
  expertWeights.fixed ??= fixedParts(expertWeights, weights, runtimes, samples, distribution)
  const { fixed: cells, members, shares } = expertWeights
  const components: ResidualComponent[] = []
  const priors: PriorComponent[] = []
  for (let at = 0; at < cells.length; ) {
    const place = cells[at + head.place] as number
    const count = cells[at + head.residuals] as number
    const logPrediction = Math.log((followed[place] as Prediction).value)
    const from = at + headSize + 2 * (cells[at + head.priors] as number)
    for (let i = at + headSize; i < from; i += 2)
      priors.push({ at: logPrediction, scale: cells[i] as number, share: cells[i + 1] as number })
    if (count === unjoined) {
      const member = members[place] as Member
      const units = noUnits()
      units.slow = cells[at + head.slow] as number
      units.fast = cells[at + head.fast] as number
      measureLocalSamples(member, weights, samples)
      for (let e = plainExperts; e < experts.length; e++) {
        const weight = shares[place * experts.length + e] as number
        if (weight > 0)
          priors.push({ at: logPrediction, ...enter(experts[e] as Expert, weight, samples, units) })
      }
      const { slow, fast, proximity } = weights
      const { residuals } = member
      components.push({ logPrediction, weighted: { residuals, slow, fast, proximity, shares: units } })
      at = from
    } else {
      components.push({ logPrediction, joined: { cells, from, count } })
      at = from + count * joinedSize
    }
  }
  return { components, priors }
}

function fixedParts(
  expertWeights: ExpertWeights,
  { slow, fast, proximity }: SampleWeights,
  runtimes: Runtimes | undefined,
  samples: Workspace['samples'],
  { joined: joining }: DistributionWorkspace,
): Float64Array {
  const { members, shares } = expertWeights
  const numbers: number[] = []
  for (const [place, member] of members.entries()) {
    if (weightAt(expertWeights, place) === 0) continue
    measureSamples(member, samples)
    const at = numbers.length
    const units = noUnits()
    numbers.push(place, 0, 0, 0, unjoined)
    let isLocal = false
    for (const [e, expert] of experts.entries()) {
      const weight = shares[place * experts.length + e] as number
      if (weight === 0) continue
      if (expert.isLocal) {
        isLocal = true
        continue
      }
      const prior = enter(expert, weight, samples, units)
      numbers.push(prior.scale, prior.share)
    }
    numbers[at + head.slow] = units.slow
    numbers[at + head.fast] = units.fast
    numbers[at + head.priors] = (numbers.length - at - headSize) / 2
    if (isLocal) continue
    const { residuals } = member
    const { cells, count } = joinResiduals(
      { residuals, slow, fast, proximity, shares: units },
      runtimes,
      joining,
    )
    numbers[at + head.residuals] = count
    for (let i = 0; i < count * joinedSize; i++) numbers.push(cells[i] as number)
  }
  return new Float64Array(numbers)
}

type Units = { [W in Weighting]: number }

const noUnits = (): Units => ({ slow: 0, fast: 0, slowLocal: 0, fastLocal: 0 })

/** Puts what a unit of an expert's weighting is worth in `units`; returns its prior. */
function enter(
  { weighting }: Expert,
  weight: number,
  samples: Workspace['samples'],
  units: Units,
): Pick<PriorComponent, 'scale' | 'share'> {
  const sample = samples[weighting]
  const mass = priorMass(sample)
  units[weighting] = weight / (sample.total + mass)
  return { scale: priorScale(sample), share: (mass * weight) / (sample.total + mass) }
}
