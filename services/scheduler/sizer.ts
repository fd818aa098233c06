import type { EstimateQuery } from '../../shared/domain/estimate.ts'
import type { Resources } from '../../shared/domain/resources.ts'
import type { TaskKey } from '../../shared/domain/task.ts'
import { recentlyUsed } from '../../shared/runtime/recently-used.ts'
import type { EstimateAnswer } from './answer.ts'
import type { EstimatorClient } from './client.ts'
import {
  checkLearningConfig,
  defaultLearningConfig,
  type LearningConfig,
  type LearningSettings,
  policyOf,
  settingsFor,
} from './domain/learning-config.ts'
import type { Savings } from './domain/savings.ts'
import { type Sizing, type SizingReason, size } from './domain/sizing.ts'
import type { LearningHealth } from './health.ts'
import type { SchedulableTask, SizedTask } from './resource-aware-scheduler.ts'
import { createSavingsReport, type SavingsReport } from './savings-report.ts'

/** Decides what tasks are given, for a scheduler that asks by itself. */
export interface Sizer<T extends SchedulableTask> {
  /** Never rejects. */
  size(task: T): Promise<SizedTask<T>>
  /** Health of learning; tasks are sized whatever it is. */
  health(): LearningHealth
  /** Decisions so far by reason. */
  decisions(): Readonly<Record<SizingReason, number>>
  /** Tells what an execution used, for the report. */
  observe(task: T, used: Resources): void
  /** Per task: what was given, what foresize would have given, what was used. In `shadow`, what it would be worth. */
  report(): ReturnType<SavingsReport['byTask']>
  /** The same over all tasks. */
  savings(): Savings
}

const none = new Uint8Array()

/** Learning is optional: switched off or unreachable, tasks get what they request. */
export function createSizer<T extends SchedulableTask>(
  client: Pick<EstimatorClient, 'estimate' | 'cached' | 'health'>,
  config: Partial<LearningConfig> = {},
): Sizer<T> {
  const learning = { ...defaultLearningConfig, ...config }
  checkLearningConfig(learning)
  const decisions: Record<SizingReason, number> = {
    learned: 0,
    escalated: 0,
    off: 0,
    shadow: 0,
    advise: 0,
    explicit: 0,
    unavailable: 0,
    'too-few-executions': 0,
    'not-confident': 0,
    'beyond-range': 0,
    'unknown-task': 0,
  }
  const savings = createSavingsReport()
  const settingsByTask = recentlyUsed<{ readonly settings: LearningSettings; readonly policy: Policy }>(
    maxTasks,
  )

  function settingsOf(task: TaskKey): { readonly settings: LearningSettings; readonly policy: Policy } {
    const key = `${task.namespace}\n${task.task}`
    let known = settingsByTask.get(key)
    if (known === undefined) {
      const settings = settingsFor(learning, task)
      known = { settings, policy: policyOf(settings) }
      settingsByTask.set(key, known)
    }
    return known
  }

  function decide(task: T, settings: LearningSettings, answer: EstimateAnswer | undefined): SizedTask<T> {
    const estimate = answer?.kind === 'estimate' ? answer.estimate : undefined
    const sized: Sizing = size({
      explicit: task.explicit ?? {},
      requested: task.requested ?? {},
      defaults: learning.defaults,
      previousAllocation: task.previousAllocation ?? {},
      previousOutcome: task.previousOutcome,
      settings,
      answer: answer?.kind === 'unavailable' ? { unavailable: answer.reason } : estimate,
    })
    savings.sized(task.executionId, { given: sized.allocated, advised: sized.advice })
    return {
      task,
      allocated: sized.allocated,
      estimateToken: estimate?.estimateToken ?? none,
      decision: {
        reason: sized.reason,
        explanation: sized.explanation,
        advice: settings.mode === 'shadow' ? undefined : sized.advice,
        confidence: estimate?.confidence,
        executions: estimate?.executions ?? 0,
        notices: estimate?.notices ?? [],
      },
      resize: () => sizing(task),
    }
  }

  async function sizeTask(task: T): Promise<SizedTask<T>> {
    const sized = await sizing(task)
    decisions[sized.decision.reason]++
    return sized
  }

  function sizing(task: T): Promise<SizedTask<T>> {
    const { settings, policy } = settingsOf(task.task)
    if (!settings.enabled || settings.mode === 'off')
      return Promise.resolve(decide(task, settings, undefined))
    const query: EstimateQuery = {
      task: task.task,
      features: task.features ?? {},
      labels: task.labels ?? {},
      requested: task.requested ?? {},
      attempt: task.attempt ?? 1,
      previousAllocation: task.previousAllocation ?? {},
      previousOutcome: task.previousOutcome,
      policy,
      executionId: task.executionId,
    }
    const known = client.cached(query, config.updateInterval)
    if (known !== undefined) return Promise.resolve(decide(task, settings, known))
    return client.estimate(query, config.updateInterval).then((answer) => decide(task, settings, answer))
  }

  return {
    size: sizeTask,
    health: () => client.health(),
    decisions: () => decisions,
    observe: (task, used) => savings.used(task.executionId, task.task, used),
    report: savings.byTask,
    savings: savings.total,
  }
}

/** Tasks whose settings are remembered. */
const maxTasks = 10_000

type Policy = EstimateQuery['policy']
