import type { Registry } from 'prom-client'
import { countersOf, gaugesOf } from '../../shared/runtime/metrics.ts'
import type { EstimatorClient } from './client.ts'
import type { LearningState } from './health.ts'
import type { SchedulableTask } from './resource-aware-scheduler.ts'
import type { Sizer } from './sizer.ts'

const states: readonly LearningState[] = ['HEALTHY', 'DEGRADED', 'UNAVAILABLE']

/** What a scheduler's own /metrics says of sizer. No label holds a task's name. */
export function learningMetrics<T extends SchedulableTask>(
  registry: Registry,
  sizer: Sizer<T>,
  client: Pick<EstimatorClient, 'statistics'>,
): void {
  gaugesOf(
    registry,
    'foresize_scheduler_learning_state',
    '1 for the state that learning is in.',
    ['state'],
    () => {
      const { state } = sizer.health()
      return states.map((each) => [[each], each === state ? 1 : 0] as const)
    },
  )
  countersOf(
    registry,
    'foresize_scheduler_decisions_total',
    'Tasks sized, by why they got what they got.',
    ['reason'],
    () => Object.entries(sizer.decisions()).map(([reason, count]) => [[reason], count] as const),
  )
  countersOf(
    registry,
    'foresize_scheduler_asks_total',
    'Questions, by how they were answered.',
    ['answer'],
    () => {
      const { asks, cached, outdated, unavailable } = client.statistics()
      return [
        [['cached'], cached],
        [['outdated'], outdated],
        [['unavailable'], unavailable],
        [['estimator'], Math.max(0, asks - outdated - unavailable)],
      ] as const
    },
  )
  countersOf(registry, 'foresize_scheduler_calls_total', 'Calls to the estimator.', ['result'], () => {
    const { calls, failedCalls } = client.statistics()
    return [
      [['answered'], calls - failedCalls],
      [['failed'], failedCalls],
    ] as const
  })
  countersOf(
    registry,
    'foresize_scheduler_memory_byte_seconds_total',
    'Memory times run time of ended tasks: as given, as foresize would have given, as used.',
    ['kind'],
    () => {
      const { givenByteMs, advisedByteMs, usedByteMs } = sizer.savings()
      return [
        [['given'], givenByteMs / 1000],
        [['advised'], advisedByteMs / 1000],
        [['used'], usedByteMs / 1000],
      ] as const
    },
  )
  countersOf(
    registry,
    'foresize_scheduler_overruns_total',
    'Ended tasks that used more memory than that.',
    ['kind'],
    () => {
      const { overruns, advisedOverruns } = sizer.savings()
      return [
        [['given'], overruns],
        [['advised'], advisedOverruns],
      ] as const
    },
  )
}
