import type { EstimateSettings } from '../../services/estimator/domain/estimate/context.ts'
import { strategies } from '../../services/estimator/domain/strategies/index.ts'
import {
  defaultLearningConfig,
  type LearningSettings,
} from '../../services/scheduler/domain/learning-config.ts'
import { size } from '../../services/scheduler/domain/sizing.ts'
import type { Estimate, EstimateQuery } from '../../shared/domain/estimate.ts'
import type { ExecutionRecord } from '../../shared/domain/execution.ts'
import { recentlyUsed } from '../../shared/runtime/recently-used.ts'
import { localPair } from '../evaluate/local-pair.ts'
import type { EndedAttempt, JobSize, Sizer } from './cluster.ts'
import type { Job } from './jobs.ts'

/** Memory as users asked for, or where none did the default; doubled after a kill. */
export const requestSizer = (isRequested = true): Sizer => ({
  name: isRequested ? 'requests' : 'default',
  size: ({ requestedBytes, requestedCores }, _attempt, failedBytes) => ({
    memoryBytes: failedBytes === undefined ? requestedBytes : 2 * failedBytes,
    cpuCores: requestedCores,
  }),
  ended() {},
})

/** What each execution will use, to the byte: nobody can know it, nobody can do better. */
export const oracleSizer = (sizesCpu: boolean): Sizer => ({
  name: 'oracle',
  size: ({ peakBytes, usedCores, requestedCores }) => ({
    memoryBytes: peakBytes,
    cpuCores: sizesCpu ? usedCores : requestedCores,
  }),
  ended() {},
})

export interface ForesizeOptions {
  readonly sizesCpu: boolean
  readonly risk: number
  readonly minExecutions: number
  readonly confidenceThreshold: number
  readonly nodeMemoryBytes: number
  readonly nodeCores: number
  readonly defaultMemoryBytes: number
}

/** foresize as a scheduler has it: the profiler's fold, the estimator's answer, the scheduler's decision. */
export function foresizeSizer(options: ForesizeOptions): Sizer {
  const pair = localPair(answerSettingsOf(options))
  const settings: LearningSettings = {
    ...defaultLearningConfig,
    minExecutions: options.minExecutions,
    confidenceThreshold: options.confidenceThreshold,
  }
  const answers = recentlyUsed<Answered>(mostAnswers)
  const used = new Map<string, Estimate>()

  function answer(job: Job, attempt: number, failedBytes: number | undefined, nowMs: number): Answered {
    const key = `${keyOf(job)} ${attempt} ${failedBytes ?? ''}`
    const known = answers.get(key)
    if (known !== undefined && nowMs - known.atMs < defaultLearningConfig.updateInterval) return known
    const version = pair.version(taskOf(job), job.row.labels)
    if (known?.version === version) return known
    const query = queryOf(job, attempt, failedBytes)
    const estimate = pair.estimate(query)
    const { allocated } = size({
      explicit: options.sizesCpu ? {} : { cpuCores: job.requestedCores },
      requested: query.requested,
      defaults: {},
      previousAllocation: query.previousAllocation,
      previousOutcome: query.previousOutcome,
      settings,
      answer: estimate,
    })
    const given = {
      memoryBytes: allocated.memoryBytes ?? job.requestedBytes,
      cpuCores: allocated.cpuCores ?? job.requestedCores,
    }
    const next = { version, estimate, given, atMs: nowMs }
    answers.set(key, next)
    return next
  }

  return {
    name: 'foresize',
    size(job, attempt, failedBytes, nowMs) {
      const { estimate, given } = answer(job, attempt, failedBytes, nowMs)
      used.set(idOf(job, attempt), estimate)
      return given
    },
    ended(ended, nowMs) {
      const id = idOf(ended.job, ended.attempt)
      pair.report(recordOf(ended, id), nowMs, used.get(id))
      used.delete(id)
    },
  }
}

interface Answered {
  readonly version: string
  readonly atMs: number
  readonly estimate: Estimate
  readonly given: JobSize
}

/** Answers held. As in the scheduler's client one is used again for `updateInterval`, or until more was learned. */
const mostAnswers = 10_000

/** All of a job that its answer depends on. Made once a job: it is asked for thousands of times. */
function keyOf(job: Job): string {
  const known = keys.get(job)
  if (known !== undefined) return known
  const { task, features, labels } = job.row
  const key = JSON.stringify([task, features, labels, job.requestedBytes, job.requestedCores])
  keys.set(job, key)
  return key
}

const keys = new WeakMap<Job, string>()

const idOf = ({ place }: Job, attempt: number) => `${place}-${attempt}`
const taskOf = ({ row }: Job) => ({ namespace: 'default', task: row.task })

function queryOf(job: Job, attempt: number, failedBytes: number | undefined): EstimateQuery {
  return {
    task: taskOf(job),
    features: job.row.features,
    labels: job.row.labels,
    requested: { memoryBytes: job.requestedBytes, cpuCores: job.requestedCores },
    attempt,
    previousAllocation: failedBytes === undefined ? {} : { memoryBytes: failedBytes },
    previousOutcome: failedBytes === undefined ? undefined : 'out-of-memory',
    policy: {},
    executionId: idOf(job, attempt),
  }
}

/** What a worker would report: of a killed run, the peak that it was allowed to reach. */
function recordOf(
  { job, attempt, given, ranMs, killed }: EndedAttempt,
  executionId: string,
): ExecutionRecord {
  return {
    executionId,
    task: taskOf(job),
    attempt,
    features: job.row.features,
    labels: job.row.labels,
    requested: { memoryBytes: job.requestedBytes, cpuCores: job.requestedCores },
    allocated: { ...given },
    estimateToken: new Uint8Array(0),
    weight: 1,
    used: {
      memoryBytes: Math.min(job.peakBytes, given.memoryBytes),
      cpuCores: Math.min(job.usedCores, given.cpuCores),
      durationMs: Math.max(1, ranMs),
    },
    outcome: killed ? 'out-of-memory' : 'succeeded',
    source: 'external',
    endedAtUnixMs: 0,
  }
}

function answerSettingsOf(options: ForesizeOptions): EstimateSettings {
  return {
    registry: strategies,
    policy: { risk: options.risk, strategies: [], min: {}, max: {} },
    defaults: { memoryBytes: options.defaultMemoryBytes, cpuCores: 1 },
    limits: {
      min: { cpuCores: 0.01, memoryBytes: 1e6 },
      max: { cpuCores: options.nodeCores, memoryBytes: options.nodeMemoryBytes },
    },
    minExecutions: 1,
  }
}
