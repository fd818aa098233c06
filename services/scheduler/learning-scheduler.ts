import type { EstimatorClient } from './client.ts'
import type { LearningConfig } from './domain/learning-config.ts'
import type { ResourceAwareScheduler, SchedulableTask } from './resource-aware-scheduler.ts'
import { createSizer, type Sizer } from './sizer.ts'

export interface LearningScheduler<T extends SchedulableTask, R> extends Sizer<T> {
  /** Decides the task's resources and hands it on. Rejects only where the scheduler it decorates does. */
  schedule(task: T): Promise<R>
}

/** Puts a sizer in front of any scheduler. */
export function createLearningScheduler<T extends SchedulableTask, R>(
  inner: ResourceAwareScheduler<T, R>,
  client: Pick<EstimatorClient, 'estimate' | 'cached' | 'health'>,
  config: Partial<LearningConfig> = {},
): LearningScheduler<T, R> {
  const sizer = createSizer<T>(client, config)
  return { ...sizer, schedule: (task) => sizer.size(task).then((sized) => inner.schedule(sized)) }
}
