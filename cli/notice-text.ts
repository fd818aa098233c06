import type { Notice } from '../shared/domain/estimate.ts'
import { counted, dimensionTitles, formatDimension, formatDuration } from '../shared/domain/quantity-text.ts'

/** A notice as a person reads it. `task` is the one that was asked about. */
export function noticeText({ kind, subject, number = 0, nearest, dimension }: Notice, task: string): string {
  const meant = nearest.length === 0 ? '' : `: did you mean ${nearest.join(' or ')}?`
  switch (kind) {
    case 'beyond-range': {
      const times = number < 1.005 ? 'just above' : `${Number(number.toPrecision(3))} ×`
      const learned = dimension === undefined ? 'seen' : `that ${dimensionTitles[dimension]} was learned from`
      return `${subject} is ${times} the largest ${learned}`
    }
    case 'unknown-feature':
      return `${subject} is not a feature of ${task}${meant}`
    case 'unknown-label':
      return `${subject} is not a label of ${task}${meant}`
    case 'missing-feature':
      return `every execution of ${task} had the feature ${subject}, and this one lacks it`
    case 'missing-label':
      return `every execution of ${task} had the label ${subject}, and this one lacks it`
    case 'unknown-task':
      return `${task} was never seen${meant}`
    case 'few-executions':
      return `only ${counted(number, 'execution')} ${number === 1 ? 'was' : 'were'} learned from`
    case 'stale-view':
      return `the estimator last heard from the profiler ${formatDuration(number)} ago`
    case 'clamped': {
      const what = dimension === undefined ? 'the amount' : dimensionTitles[dimension]
      const before = dimension === undefined ? number : formatDimension(dimension, number)
      return `${what} would be ${before} without its bounds`
    }
  }
}
