import { randomUUID } from 'node:crypto'
import type { EstimateQuery } from '../../shared/domain/estimate.ts'
import type { ExecutionRecord } from '../../shared/domain/execution.ts'
import type { ProfileKind } from '../../shared/domain/profile.ts'
import type { TaskKey } from '../../shared/domain/task.ts'
import { call } from '../../shared/rpc/client.ts'
import { systemClock } from '../../shared/runtime/clock.ts'
import { profileKindEnum } from '../../shared/wire/enums.ts'
import { fromQuery, toConfidence, toEstimate } from '../../shared/wire/estimate.ts'
import { fromExecutionRecord } from '../../shared/wire/execution.ts'
import type { EstimatorServiceClient } from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import type { ProfilerServiceClient } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import type { Pair } from './pair.ts'

export interface WirePairSettings {
  readonly deadlineMs: number
  /** Longest wait for the estimator to hear what the profiler took. */
  readonly catchUpMs: number
}

/**
 * A running pair over gRPC, in a namespace of its own that is deleted afterwards.
 * An answer waits until the estimator has heard all that was reported: of a known task by its revision, of an unknown
 * one by a fence, an execution reported last to a task of its own, since changes travel in order.
 */
export function wirePair(
  profiler: ProfilerServiceClient,
  estimator: EstimatorServiceClient,
  { deadlineMs, catchUpMs }: WirePairSettings,
): Pair {
  const namespace = `evaluate-${randomUUID()}`
  const fenceNamespace = `${namespace}-fence`
  const folds = new Map<string, number>()
  const estimateUs: number[] = []
  const updateUs: number[] = []
  let fences = 0
  let reportedSinceFence = false

  const here = (task: TaskKey): TaskKey => ({ namespace, task: task.task })

  async function ask(queries: readonly EstimateQuery[]) {
    const startMs = performance.now()
    const { results } = await call(
      estimator.estimateBatch.bind(estimator),
      { queries: queries.map((query) => fromQuery({ ...query, task: here(query.task) })) },
      deadlineMs,
    )
    estimateUs.push(((performance.now() - startMs) * 1000) / queries.length)
    return results.map(({ result }) => {
      if (result?.$case === 'estimate') return toEstimate(result.value)
      const faults = result?.value.violations.map(({ field, description }) => `${field}: ${description}`)
      throw new Error(`the estimator refused a query: ${faults?.join('; ') ?? 'no answer'}`)
    })
  }

  async function caughtUp(what: string, isCaughtUp: () => Promise<boolean>): Promise<void> {
    const untilMs = performance.now() + catchUpMs
    while (!(await isCaughtUp())) {
      if (performance.now() > untilMs) {
        throw new Error(
          `the estimator has not heard of ${what} in ${catchUpMs} ms: does it follow this profiler, and does it run with --update-interval-ms 0?`,
        )
      }
      await systemClock.sleep(1)
    }
  }

  async function send(record: ExecutionRecord): Promise<void> {
    const { rejections } = await call(
      profiler.updateProfile.bind(profiler),
      { executions: [fromExecutionRecord(record)] },
      deadlineMs,
    )
    const faults = rejections[0]?.violations.map(({ field, description }) => `${field}: ${description}`)
    if (faults !== undefined) throw new Error(`the profiler refused a record: ${faults.join('; ')}`)
  }

  async function fence(record: ExecutionRecord | undefined): Promise<void> {
    if (!reportedSinceFence || record === undefined) return
    reportedSinceFence = false
    const task = { namespace: fenceNamespace, task: 'fence' }
    const wanted = ++fences
    await send({ ...record, task, executionId: `fence-${wanted}`, labels: {}, features: {} })
    const query = fromQuery({
      task,
      features: {},
      labels: {},
      requested: {},
      attempt: 1,
      previousAllocation: {},
      policy: {},
      executionId: '',
    })
    await caughtUp('a fence', async () => {
      const { estimate } = await call(estimator.estimate.bind(estimator), { query }, deadlineMs)
      return (estimate?.profileRevision ?? 0) >= wanted
    })
  }

  let last: ExecutionRecord | undefined

  async function catchUpWith(task: TaskKey): Promise<void> {
    if (!folds.has(task.task)) await fence(last)
  }

  async function forget(kind: ProfileKind, space: string): Promise<void> {
    for (;;) {
      const { profiles } = await call(
        profiler.listProfiles.bind(profiler),
        {
          namespace: space,
          taskPrefix: '',
          pageSize: 1000,
          pageToken: '',
          kind: profileKindEnum.toWire(kind),
        },
        deadlineMs,
      )
      if (profiles.length === 0) return
      for (const { key } of profiles) {
        if (key !== undefined) await call(profiler.deleteProfile.bind(profiler), { key }, deadlineMs)
      }
    }
  }

  return {
    timings: { estimateUs, updateUs },
    async estimate(queries) {
      const task = queries[0]?.task
      if (task === undefined) return []
      await catchUpWith(task)
      const wanted = folds.get(task.task) ?? 0
      let answers = await ask(queries)
      await caughtUp(`${wanted} executions of ${task.task}`, async () => {
        if (answers.every(({ profileRevision }) => profileRevision >= wanted)) return true
        answers = await ask(queries)
        return false
      })
      return answers
    },
    async confidence(query, resources) {
      const request = { query: fromQuery({ ...query, task: here(query.task) }), resources, withCurve: false }
      return toConfidence(await call(estimator.confidence.bind(estimator), request, deadlineMs))
    },
    async report(record) {
      const startMs = performance.now()
      last = { ...record, task: here(record.task) }
      await send(last)
      updateUs.push((performance.now() - startMs) * 1000)
      folds.set(record.task.task, (folds.get(record.task.task) ?? 0) + 1)
      reportedSinceFence = true
    },
    async close() {
      for (const space of [namespace, fenceNamespace]) {
        for (const kind of ['task', 'cohort', 'namespace'] as const) await forget(kind, space)
      }
    },
  }
}
