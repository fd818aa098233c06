import type { SizingReason } from '../../services/scheduler/resource-aware-scheduler.ts'
import { median } from '../../shared/domain/median.ts'
import type { Resources } from '../../shared/domain/resources.ts'

/** One execution, as it was given and as it was measured. */
export interface LedgerEntry {
  readonly task: string
  readonly requested: Resources
  readonly allocated: Resources
  readonly used: Resources
  readonly reason: SizingReason
  readonly confidence: number | undefined
}

export interface TaskSummary {
  readonly task: string
  readonly executions: number
  /** Executions whose allocation was foresize's. */
  readonly learned: number
  readonly requestedBytes: number
  /** Median of what learned executions were given. */
  readonly estimatedBytes: number | undefined
  readonly medianUsedBytes: number
  readonly maxUsedBytes: number
  /** Requested, times run time, summed. */
  readonly requestedByteSeconds: number
  /** Given, times run time, summed; one that would have been killed is paid for again at its request. */
  readonly givenByteSeconds: number
  /** Measured peak above what it was given. */
  readonly wouldBeKilled: number
  /** Mean over learned executions. */
  readonly confidence: number | undefined
}

/** Figures from measurements only. An execution without a measured peak counts, but says nothing of memory. */
export function summarise(task: string, entries: readonly LedgerEntry[]): TaskSummary {
  const own = entries.filter((entry) => entry.task === task)
  const learned = own.filter(({ reason }) => reason === 'learned' || reason === 'escalated')
  const confidences = learned.flatMap(({ confidence }) => confidence ?? [])
  const used = own.flatMap((entry) => entry.used.memoryBytes ?? [])
  let requestedByteSeconds = 0
  let givenByteSeconds = 0
  for (const entry of own) {
    const seconds = (entry.used.durationMs ?? 0) / 1000
    const requestedBytes = entry.requested.memoryBytes ?? 0
    requestedByteSeconds += requestedBytes * seconds
    givenByteSeconds += (entry.allocated.memoryBytes ?? requestedBytes) * seconds
    if (isOverrun(entry)) givenByteSeconds += requestedBytes * seconds
  }
  return {
    task,
    executions: own.length,
    learned: learned.length,
    requestedBytes: own[0]?.requested.memoryBytes ?? 0,
    estimatedBytes: median(learned.flatMap(({ allocated }) => allocated.memoryBytes ?? [])),
    medianUsedBytes: median(used) ?? 0,
    maxUsedBytes: used.reduce((max, bytes) => Math.max(max, bytes), 0),
    requestedByteSeconds,
    givenByteSeconds,
    wouldBeKilled: own.filter(isOverrun).length,
    confidence:
      confidences.length === 0
        ? undefined
        : confidences.reduce((sum, value) => sum + value, 0) / confidences.length,
  }
}

function isOverrun({ used, allocated }: LedgerEntry): boolean {
  return (used.memoryBytes ?? 0) > (allocated.memoryBytes ?? Number.POSITIVE_INFINITY)
}
