import { isStem } from '../../../../shared/domain/cohort.ts'
import type { Policy } from '../../../../shared/domain/policy.ts'
import type { Dimension } from '../../../../shared/domain/resources.ts'
import { shortfall } from '../../../../shared/domain/shortfall.ts'
import { allocate } from '../allocation/allocate.ts'
import { failureCostFor } from '../allocation/failure-cost.ts'
import type { LearnedProfile } from '../ensemble/learned-profile.ts'
import { coldStart } from './cold-start.ts'
import type { Context } from './context.ts'
import type { Lacking } from './reasons.ts'
import type { Recommendation } from './recommendation.ts'

/** What is taken from other tasks is wrong for all of a burst at once: it is never given at a lower risk. */
const leastRisk = { ofCohort: 0.7, ofUnrelated: 0.8 }

/** Undefined where the dimension was not asked for and nothing is known of it. */
export function fromSimilarTasks(context: Context, dimension: Dimension): Recommendation | undefined {
  const { evidence, query, settings, policy, workspace } = context
  const groups = evidence.similar.map(({ profile }) => profile)
  const start = coldStart(groups, query, settings.defaults, dimension)
  if (start === undefined) return undefined
  const { need, basis, request, runtimeMs } = start
  const isUnrelated = basis.kind === 'namespace'
  const refutesRequests = basis.kind === 'cohort' && !isStem(basis.name)
  const floor = refutesRequests ? 0 : leastOfRequest(request, evidence.similar, dimension)

  function amountBy(policy: Policy): number {
    if (start?.amount !== undefined) return start.amount
    const least = isUnrelated ? leastRisk.ofUnrelated : leastRisk.ofCohort
    const careful = { ...policy, risk: Math.max(policy.risk, least) }
    return Math.max(
      floor,
      allocate(need, failureCostFor(runtimeMs), careful, dimension, workspace.distribution),
    )
  }

  return {
    need,
    source: basis.kind,
    reason: { kind: 'without-own-history', lacking: lackingIn(context, dimension), basis },
    predictions: [],
    amount: amountBy(policy),
    leastAmount: amountBy({ ...policy, risk: 0, targetCoverage: undefined }),
  }
}

/**
 * Tasks that need not have anything in common, or no more than how their names begin, do not refute a request: only what not one of many has ever needed of its
 * own is left out. (Time is predicted, not given.)
 */
function leastOfRequest(
  request: number | undefined,
  groups: readonly LearnedProfile[],
  dimension: Dimension,
): number {
  if (request === undefined || shortfall[dimension] === 'none') return 0
  const namespace = groups.find(({ profile }) => profile.key.kind === 'namespace')
  return request * Math.min(1, namespace?.requestRatios?.[dimension]?.largest ?? 1)
}

function lackingIn({ evidence, settings: { minExecutions } }: Context, dimension: Dimension): Lacking {
  const executions = evidence.task?.model?.dimensions.get(dimension)?.executions.count ?? 0
  if (executions === 0) return { kind: 'no-history' }
  return executions < minExecutions
    ? { kind: 'few-executions', executions, needed: minExecutions }
    : { kind: 'strategies-abstain', executions }
}
