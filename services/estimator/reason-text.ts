import { counted, dimensionTitles, formatDimension } from '../../shared/domain/quantity-text.ts'
import { dimensions, type Resources } from '../../shared/domain/resources.ts'
import type { Basis, FailureOdds, Lacking, Reason } from './domain/estimate/reasons.ts'

/** An answer with its reasons in words. */
export function withReason<T extends { readonly reasons: readonly Reason[] }>(
  answer: T,
): T & { readonly reason: string } {
  return { ...answer, reason: reasonText(answer.reasons) }
}

/** Reasons as a person reads them: what the answer is made of, after what raised it, before what bounded it. */
export function reasonText(reasons: readonly Reason[]): string {
  const raised = reasons.filter(({ kind }) => raising.has(kind)).toReversed()
  const rest = reasons.filter(({ kind }) => !raising.has(kind))
  return [...raised, ...rest].map(sentenceOf).join('; ')
}

const raising: ReadonlySet<Reason['kind']> = new Set([
  'retry',
  'previous-had',
  'others-killed',
  'running-use-more',
])

function sentenceOf(reason: Reason): string {
  switch (reason.kind) {
    case 'own-history': {
      const changing = reason.isChanging ? ', its needs are changing' : ''
      const exceeding =
        reason.exceeding === 0 ? '' : `; ${exceedingText(reason.exceeding)} more than was predicted`
      return `${counted(reason.executions, 'execution')}${changing}, mostly by ${reason.strategy}${exceeding}${failureText(reason.failure)}`
    }
    case 'without-own-history':
      return `${lackingText(reason.lacking)}: ${basisText(reason.basis)}`
    case 'nothing-known':
      return 'nothing is known'
    case 'retry':
      return `the attempt before was killed at ${formatDimension(reason.dimension, reason.failed)}`
    case 'previous-had':
      return `the attempt before had ${formatDimension(reason.dimension, reason.had)}`
    case 'others-killed':
      return `others were killed at ${formatDimension(reason.dimension, reason.failed)}`
    case 'running-use-more':
      return 'running executions use more already'
    case 'clamped': {
      const { kind, before, after } = reason.clamp
      return `${kind} put ${formatDimension(reason.dimension, before)} to ${formatDimension(reason.dimension, after)}`
    }
    case 'left-out':
      return `left out: ${reason.faults.map(([strategy, fault]) => `${strategy} (${fault})`).join(', ')}`
    case 'overhead':
      return `${overheadText(reason.overhead)} added for what wraps the task`
    case 'profiler-unreachable':
      return 'the profiler did not answer'
  }
}

const exceedingText = (running: number): string =>
  `${counted(running, 'running execution')} ${running === 1 ? 'uses' : 'use'}`

/** Above it the number says no more: of a task of a few kilobytes, that a restart is priced at 500 MB. */
const highestPrice = 1000

function failureText(failure: FailureOdds | undefined): string {
  if (failure === undefined) return ''
  const { failurePrice } = failure
  const price = failurePrice > highestPrice ? `over ${highestPrice}` : Number(failurePrice.toPrecision(2))
  const chance = (100 * failure.tailChance).toFixed(1)
  return `; a failure is priced as ${price} runs, and ${chance} % need more than the largest seen`
}

function overheadText(overhead: Resources): string {
  const parts = dimensions.flatMap((dimension) => {
    const amount = overhead[dimension]
    return amount === undefined
      ? []
      : `${formatDimension(dimension, amount)} of ${dimensionTitles[dimension]}`
  })
  return parts.join(', ')
}

function lackingText(lacking: Lacking): string {
  switch (lacking.kind) {
    case 'no-history':
      return 'no history'
    case 'few-executions':
      return `${counted(lacking.executions, 'execution')} of at least ${lacking.needed}`
    case 'strategies-abstain':
      return `none of the strategies asked has anything to say after ${counted(lacking.executions, 'execution')}`
  }
}

function basisText(basis: Basis): string {
  switch (basis.kind) {
    case 'cohort':
    case 'namespace': {
      const whose = basis.kind === 'namespace' ? `the namespace ${basis.name}` : basis.name
      return `what ${basis.tasks} tasks of ${whose} use${basis.ofRequest ? ' of what they request' : ''}`
    }
    case 'request':
      return 'what was requested'
    case 'default':
      return 'the configured default, since nothing was requested'
  }
}
