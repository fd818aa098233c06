import { type ConnectionOptions, type Job, Worker as QueueWorker } from 'bullmq'
import { createEstimatorClient, type EstimatorClientOptions } from '../../services/scheduler/client.ts'
import { createClusterScheduler } from '../../services/scheduler/cluster-scheduler.ts'
import type { LearningConfig } from '../../services/scheduler/domain/learning-config.ts'
import type { LearningHealth } from '../../services/scheduler/health.ts'
import { createLearningScheduler } from '../../services/scheduler/learning-scheduler.ts'
import type { SchedulableTask, SizedTask } from '../../services/scheduler/resource-aware-scheduler.ts'
import type { Features, Labels, Outcome } from '../../shared/domain/execution.ts'
import type { Resources } from '../../shared/domain/resources.ts'
import type { CommandResult } from '../../workers/typescript/command.ts'
import { createWorker, type Worker, type WorkerOptions } from '../../workers/typescript/worker.ts'

/** What a job of the queue carries. Its name is the task. */
export interface LearningJob {
  readonly command: string
  readonly args?: readonly string[]
  /** Known before the run, for example the size of its input. */
  readonly features?: Features
  readonly labels?: Labels
  /** Given until something is learned. */
  readonly requested?: Resources
  /** Given as it is, whatever is learned. */
  readonly explicit?: Resources
  /** Written by the worker when an attempt was killed for want of resources: the next one is given more. */
  readonly previous?: { readonly allocation: Resources; readonly outcome: Outcome }
}

export interface LearningResult {
  readonly allocated: Resources
  readonly used: Resources
  readonly reason: string
}

export interface LearningWorkerOptions {
  readonly connection: ConnectionOptions
  /** What this host has to give. */
  readonly capacity: Resources
  /** Jobs taken from the queue at once, those included that wait here for room. Default 16. */
  readonly concurrency?: number
  readonly namespace?: string
  readonly estimator?: EstimatorClientOptions
  readonly profiler?: WorkerOptions
  readonly learning?: Partial<LearningConfig>
  /** Runs one attempt. Default: the job's command, held to its memory where the kernel lets us. */
  readonly run?: (worker: Worker, task: SizedJob) => Promise<CommandResult>
}

export type SizedJob = SizedTask<JobTask>

interface JobTask extends SchedulableTask {
  readonly job: Job<LearningJob, LearningResult>
}

export interface LearningWorker {
  readonly queueWorker: QueueWorker<LearningJob, LearningResult>
  health(): LearningHealth
  /** Waits for what runs, then reports all of it. */
  close(): Promise<void>
}

/**
 * A BullMQ worker that gives each job what the next run of its task needs, and starts it once that is free. A job that
 * was killed for want of memory fails towards BullMQ, whose `attempts` and `backoff` decide on the retry.
 */
export function createLearningWorker(queue: string, options: LearningWorkerOptions): LearningWorker {
  const { namespace = 'default', run = runCommand } = options
  const worker = createWorker({ ...options.profiler, namespace })
  const estimator = createEstimatorClient(options.estimator)
  const host = createClusterScheduler<JobTask, Finished>({
    nodes: [{ name: queue, capacity: options.capacity }],
    run: async (sized) => ({ sized, result: await run(worker, sized) }),
  })
  const scheduler = createLearningScheduler(host, estimator, options.learning)

  const queueWorker = new QueueWorker<LearningJob, LearningResult>(
    queue,
    async (job) => resultOf(job, await scheduler.schedule(taskOf(job, namespace))),
    { connection: options.connection, concurrency: options.concurrency ?? 16 },
  )
  // A failed connection is retried by BullMQ; without a listener it would end the process.
  queueWorker.on('error', () => {})

  return {
    queueWorker,
    health: scheduler.health,
    async close() {
      await queueWorker.close()
      await worker.close()
      estimator.close()
    },
  }
}

interface Finished {
  readonly sized: SizedJob
  readonly result: CommandResult
}

function taskOf(job: Job<LearningJob, LearningResult>, namespace: string): JobTask {
  const { features, labels, requested, explicit, previous } = job.data
  return {
    job,
    task: { namespace, task: job.name },
    executionId: `${job.queueName}/${job.id}/${job.timestamp}/${job.attemptsStarted}`,
    attempt: job.attemptsMade + 1,
    ...(features === undefined ? {} : { features }),
    ...(labels === undefined ? {} : { labels }),
    ...(requested === undefined ? {} : { requested }),
    ...(explicit === undefined ? {} : { explicit }),
    ...(previous === undefined
      ? {}
      : { previousAllocation: previous.allocation, previousOutcome: previous.outcome }),
  }
}

async function resultOf(
  job: Job<LearningJob, LearningResult>,
  { sized, result }: Finished,
): Promise<LearningResult> {
  const { allocated, decision } = sized
  if (result.outcome === 'succeeded') return { allocated, used: result.used, reason: decision.reason }
  await job.updateData({ ...job.data, previous: { allocation: allocated, outcome: result.outcome } })
  throw new Error(`${job.name} ended ${result.outcome}`)
}

function runCommand(worker: Worker, { task, allocated, estimateToken }: SizedJob): Promise<CommandResult> {
  const { command, args = [] } = task.job.data
  const memoryLimitBytes = allocated.memoryBytes
  return worker.run({
    ...task,
    task: task.task.task,
    allocated,
    estimateToken,
    command,
    args,
    memoryLimitBytes,
    stdio: 'ignore',
  }).done
}
