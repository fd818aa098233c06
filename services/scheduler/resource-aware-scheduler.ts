import type { Notice } from '../../shared/domain/estimate.ts'
import type { Features, Labels, Outcome } from '../../shared/domain/execution.ts'
import type { Resources } from '../../shared/domain/resources.ts'
import type { TaskKey } from '../../shared/domain/task.ts'
import type { SizingReason } from './domain/sizing.ts'

export type { SizingReason }

/** A task that wants to run. */
export interface SchedulableTask {
  readonly task: TaskKey
  /** Unique per attempt. */
  readonly executionId: string
  readonly features?: Features
  readonly labels?: Labels
  /** Resources that the owner has fixed. What is set here is given as it is, whatever was learned. */
  readonly explicit?: Resources
  /** What the task gets where nothing was learned, and evidence for the estimate. */
  readonly requested?: Resources
  /** From 1, the default. */
  readonly attempt?: number
  /** For a retry: what the attempt before was given, and how it ended. */
  readonly previousAllocation?: Resources
  readonly previousOutcome?: Outcome
}

/** A task whose resources are decided. */
export interface SizedTask<T extends SchedulableTask = SchedulableTask> {
  readonly task: T
  readonly allocated: Resources
  /** Hand it to the worker with the execution, so that the estimate is scored. Empty where there was none. */
  readonly estimateToken: Uint8Array
  readonly decision: SizingDecision
  /**
   * Sizes it anew. A scheduler that lets tasks wait calls this when one is about to start: by then more is known
   * than when it was submitted. Never rejects; waits no longer than the estimator's deadline.
   */
  resize(): Promise<SizedTask<T>>
}

export interface SizingDecision {
  readonly reason: SizingReason
  /** For a person: the estimator's own reason, or why there is none. */
  readonly explanation: string
  /** What foresize would give, where it has an answer: in `shadow` and `advise` it is not given. */
  readonly advice?: Resources | undefined
  /** Probability that `advice` suffices. */
  readonly confidence?: number | undefined
  /** Executions behind the answer. */
  readonly executions: number
  /** What to know before trusting the answer. */
  readonly notices: readonly Notice[]
}

/** Whatever places tasks by their resources. `R` is what it answers, for example a job id or a result. */
export interface ResourceAwareScheduler<T extends SchedulableTask, R> {
  schedule(task: SizedTask<T>): Promise<R>
}
