import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  checkLearningConfig,
  defaultLearningConfig,
  type LearningConfig,
  policyOf,
  settingsFor,
} from '../../../services/scheduler/domain/learning-config.ts'
import {
  type Attempt,
  type AttemptEnd,
  nextAttempt,
} from '../../../services/scheduler/domain/next-attempt.ts'
import { type Answer, type Sizing, size } from '../../../services/scheduler/domain/sizing.ts'
import type { Outcome } from '../../../shared/domain/execution.ts'
import type { Policy } from '../../../shared/domain/policy.ts'
import type { Resources } from '../../../shared/domain/resources.ts'
import type { TaskKey } from '../../../shared/domain/task.ts'

/** What a sizer of any language is given, and what it has to decide. Left out means unset, or the default. */
export interface SizingCase {
  readonly law: string
  readonly config?: Partial<LearningConfig>
  readonly task: TaskKey
  readonly explicit?: Resources
  readonly requested?: Resources
  readonly previousAllocation?: Resources
  readonly previousOutcome?: Outcome
  /** What the estimator says, or why it says nothing. */
  readonly answer: Answer | { readonly unavailable: string }
}

export interface SizingDecision {
  /** What the estimator is asked to hold to. Left out where it is not asked. */
  readonly policy?: Partial<Policy>
  readonly sizing: Sizing
}

export function decideSizing(given: SizingCase): SizingDecision {
  const config = { ...defaultLearningConfig, ...given.config }
  const settings = settingsFor(config, given.task)
  const isAsked = settings.enabled && settings.mode !== 'off'
  const sizing = size({
    explicit: given.explicit ?? {},
    requested: given.requested ?? {},
    defaults: config.defaults,
    previousAllocation: given.previousAllocation ?? {},
    previousOutcome: given.previousOutcome,
    settings,
    answer: isAsked ? given.answer : undefined,
  })
  return isAsked ? { policy: policyOf(settings), sizing } : { sizing }
}

/** Whether there is a next attempt, and as what. */
export interface RetryCase {
  readonly law: string
  readonly first: Attempt
  readonly last: Attempt
  readonly end: AttemptEnd
  readonly retried?: readonly Outcome[]
  readonly maxAttempts?: number
}

/** Null where there is none. */
export const decideRetry = ({ first, last, end, retried, maxAttempts }: RetryCase): Attempt | null =>
  nextAttempt(first, last, end, retried, maxAttempts) ?? null

/** A configuration that is refused, and the setting that the error has to name. */
export interface RefusedConfig {
  readonly config: Record<string, unknown>
}

/** The setting named, for example `overrides[0].risk`. */
export function refusedSetting({ config }: RefusedConfig): string {
  try {
    checkLearningConfig({ ...defaultLearningConfig, ...config })
  } catch (error) {
    return (error as Error).message.split(' ')[0] ?? ''
  }
  throw new Error(`${JSON.stringify(config)} is taken`)
}

export type Decision =
  | ({ readonly kind: 'sizing'; readonly decision: SizingDecision } & SizingCase)
  | ({ readonly kind: 'retry'; readonly next: Attempt | null } & RetryCase)
  | ({ readonly kind: 'refused'; readonly setting: string } & RefusedConfig)

/** A line of JSON each. */
export const file = join(import.meta.dirname, 'decisions.jsonl')

export const readDecisions = (): readonly Decision[] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Decision)
