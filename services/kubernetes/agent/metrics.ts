import type { Registry } from 'prom-client'
import { counterOf, countersOf, gaugeOf, histogramOf } from '../../../shared/runtime/metrics.ts'
import type { Measurements } from './measurements.ts'
import type { Reports } from './reports.ts'
import type { WatchedPods } from './watched-pods.ts'

const prefix = 'foresize_agent'

/** Returns what observes how long a sweep took, in seconds. */
export function sweepSeconds(registry: Registry): (seconds: number) => void {
  const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25]
  return histogramOf(registry, `${prefix}_sweep_seconds`, 'Reading the cgroups that were due.', buckets)
}

export interface AgentFigures {
  readonly pods: WatchedPods
  readonly measurements: Measurements
  readonly reports: Reports
  readonly isReady: () => boolean
}

export function agentFigures(
  registry: Registry,
  { pods, measurements, reports, isReady }: AgentFigures,
): void {
  const { counts } = reports
  gaugeOf(registry, `${prefix}_ready`, 'Whether all Pods of the node are known.', () => (isReady() ? 1 : 0))
  gaugeOf(registry, `${prefix}_pods`, 'Pods whose task is measured.', pods.size)
  gaugeOf(registry, `${prefix}_containers`, 'Containers whose cgroup is read.', measurements.containers)
  gaugeOf(registry, `${prefix}_waiting_executions`, 'Executions that are not stored yet.', reports.waiting)
  countersOf(
    registry,
    `${prefix}_executions_total`,
    'Executions that the profiler has, by how they ended.',
    ['outcome'],
    () => [...counts.stored].map(([outcome, total]) => [[outcome], total] as const),
  )
  counterOf(
    registry,
    `${prefix}_unmeasured_total`,
    'Runs that ended before their cgroup was read: only how and how long is known.',
    () => pods.counts.unmeasured,
  )
  counterOf(
    registry,
    `${prefix}_refused_total`,
    'Executions that the profiler refused.',
    () => counts.refused,
  )
  counterOf(
    registry,
    `${prefix}_dropped_total`,
    'Executions that were dropped while the profiler was away.',
    () => counts.dropped,
  )
  counterOf(
    registry,
    `${prefix}_report_failures_total`,
    'Reports that failed and were tried again.',
    () => counts.failures,
  )
  counterOf(
    registry,
    `${prefix}_turned_away_total`,
    'Pods that there was no room for.',
    () => pods.counts.turnedAway,
  )
}
