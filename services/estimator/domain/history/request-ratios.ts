import type { CohortMember, MemberSummary } from '../../../../shared/domain/cohort.ts'
import { type Dimension, dimensions } from '../../../../shared/domain/resources.ts'

/** Requests mean something where no task of a namespace has needed more than this many times its own… */
const trustedRatio = 1.35
/** …of so many tasks and executions. */
const fewestTasks = 8
const fewestExecutions = 20
/** Above what was ever needed of a request, but not above the request itself where nobody has needed more. */
const margin = 1.15
const withMargin = (largest: number): number =>
  largest > 1 + rounding ? margin * largest : Math.min(1, margin * largest)
/** Of a need that is the request, as a limit makes it. */
const rounding = 1e-9

/** A task that never needed more than this share of its request has asked in another unit: it says nothing of requests. */
const leastOfRequest = 1e-5

/** Whether a task has requested anything, in a unit that its needs go with. */
export const asksInItsUnit = ({ requests, ratioLogMax }: MemberSummary): boolean =>
  requests > 0 && ratioLogMax >= Math.log(leastOfRequest)

/** The largest need ÷ request of so many tasks, with a margin. */
export interface RequestRatio {
  readonly largest: number
  readonly tasks: number
}

export type RequestRatios = { readonly [D in Dimension]?: RequestRatio | undefined }

/**
 * Per dimension the largest need ÷ request of a namespace's tasks: a request times that is a ceiling that no task has needed
 * more than. Unset where requests say too little, or nothing.
 */
export function requestRatios(members: readonly CohortMember[]): RequestRatios {
  const ratios: { [D in Dimension]?: RequestRatio } = {}
  for (const dimension of dimensions) {
    const ratio = largestRatio(members, dimension)
    if (ratio !== undefined && ratio.largest <= trustedRatio) ratios[dimension] = ratio
  }
  return ratios
}

function largestRatio(members: readonly CohortMember[], wanted: Dimension): RequestRatio | undefined {
  let tasks = 0
  let executions = 0
  let largest = Number.NEGATIVE_INFINITY
  for (const member of members)
    for (const summary of member.dimensions) {
      if (summary.dimension !== wanted || !asksInItsUnit(summary)) continue
      tasks++
      executions += summary.requests
      largest = Math.max(largest, summary.ratioLogMax)
    }
  if (tasks < fewestTasks || executions < fewestExecutions) return undefined
  return { largest: withMargin(Math.exp(largest)), tasks }
}
