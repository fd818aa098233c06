import { setTimeout as sleep } from 'node:timers/promises'
import { status } from '@grpc/grpc-js'
import type { ExecutionRecord, Outcome } from '../../../shared/domain/execution.ts'
import { call, statusOf } from '../../../shared/rpc/client.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import { fromExecutionRecord } from '../../../shared/wire/execution.ts'
import type { ProfilerServiceClient } from '../../../shared/wire/gen/foresize/v1/profiler_service.ts'

/** Brings executions to the profiler, each until it is stored. */
export interface Reports {
  add(record: ExecutionRecord): void
  readonly counts: {
    /** By outcome, those that the profiler knew already among them. */
    readonly stored: ReadonlyMap<Outcome, number>
    readonly refused: number
    readonly dropped: number
    readonly failures: number
  }
  waiting(): number
  /** Tries for so long to report what is held. */
  close(deadlineMs: number): Promise<void>
}

export interface ReportSettings {
  readonly reportIntervalMs: number
  readonly reportTimeoutMs: number
  readonly maxWaitingReports: number
}

const maxBatch = 500
const maxBackoffMs = 30_000

/** What another try would not change. */
const finalCodes: ReadonlySet<status | undefined> = new Set([
  status.INVALID_ARGUMENT,
  status.PERMISSION_DENIED,
])

export function reports(client: ProfilerServiceClient, settings: ReportSettings, log: Log): Reports {
  const { reportIntervalMs, reportTimeoutMs, maxWaitingReports } = settings
  const waiting: ExecutionRecord[] = []
  const stored = new Map<Outcome, number>()
  const counts = { stored, refused: 0, dropped: 0, failures: 0 }
  const closing = new AbortController()

  /** One namespace a call: a token that does not speak for one must not hold up the others. */
  function nextBatch(): readonly ExecutionRecord[] {
    const namespace = waiting[0]?.task.namespace
    return waiting.filter(({ task }) => task.namespace === namespace).slice(0, maxBatch)
  }

  function settle(batch: readonly ExecutionRecord[]): void {
    const done = new Set(batch)
    waiting.splice(0, waiting.length, ...waiting.filter((record) => !done.has(record)))
  }

  async function send(batch: readonly ExecutionRecord[]): Promise<void> {
    const executions = batch.map(fromExecutionRecord)
    try {
      const { rejections } = await call(client.updateProfile.bind(client), { executions }, reportTimeoutMs)
      for (const { index, violations } of rejections) {
        log.warn({ executionId: batch[index]?.executionId, violations }, 'an execution was refused')
      }
      const refused = new Set(rejections.map(({ index }) => index))
      counts.refused += refused.size
      for (const [index, { outcome }] of batch.entries()) {
        if (!refused.has(index)) stored.set(outcome, (stored.get(outcome) ?? 0) + 1)
      }
    } catch (error) {
      if (!finalCodes.has(statusOf(error))) throw error
      counts.refused += batch.length
      log.warn(
        { err: error, namespace: batch[0]?.task.namespace, executions: batch.length },
        'executions were refused',
      )
    }
    settle(batch)
  }

  async function flush(): Promise<void> {
    for (let batch = nextBatch(); batch.length > 0; batch = nextBatch()) await send(batch)
  }

  async function run(): Promise<void> {
    let waitMs = reportIntervalMs
    while (!closing.signal.aborted) {
      await sleep(waitMs, undefined, { signal: closing.signal }).catch(() => {})
      if (closing.signal.aborted) return
      try {
        await flush()
        waitMs = reportIntervalMs
      } catch (error) {
        counts.failures += 1
        log.warn(
          { err: error, waiting: waiting.length },
          'the profiler does not take executions; trying again',
        )
        waitMs = Math.min(maxBackoffMs, waitMs * 2)
      }
    }
  }

  const running = run()
  return {
    add(record) {
      waiting.push(record)
      if (waiting.length <= maxWaitingReports) return
      waiting.shift()
      counts.dropped += 1
    },
    counts,
    waiting: () => waiting.length,
    async close(deadlineMs) {
      closing.abort()
      const late = sleep(deadlineMs, undefined, { ref: false })
      const failure = await Promise.race([late, running.then(flush)]).catch((error: unknown) => error)
      if (waiting.length > 0)
        log.warn({ err: failure, waiting: waiting.length }, 'executions are left unreported')
    },
  }
}
