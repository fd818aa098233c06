import { randomUUID } from 'node:crypto'
import type { Violation } from '../../shared/domain/errors.ts'
import type { Features, Labels, MeasurementSource, Outcome } from '../../shared/domain/execution.ts'
import type { Resources } from '../../shared/domain/resources.ts'
import { defaultNamespace } from '../../shared/domain/task.ts'
import {
  type ClientSettings,
  channelCredentials,
  clientOptionsFor,
  clientSecurityOf,
  securityIn,
} from '../../shared/rpc/client.ts'
import { requireNode } from '../../shared/runtime/node-version.ts'
import { fromExecutionEnd, fromExecutionStart } from '../../shared/wire/execution.ts'
import { ProfilerServiceClient } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { type CommandOptions, type CommandResult, type RunningCommand, runCommand } from './command.ts'
import { daemonClient } from './daemon-clients.ts'
import { createDirectives } from './directives.ts'
import { refusalOf } from './find-command.ts'
import { type JournalOptions, journaledSpool } from './journaled-spool.ts'
import { type SamplerOptions, startSampler, type UsageSample } from './sampler.ts'
import { joinSamples } from './samples.ts'
import { measureSelf } from './self.ts'
import { createSession, type SessionOptions, type SessionState } from './session.ts'
import { createSpool, type Spool, type SpoolOptions, type SpoolSize } from './spool.ts'

export interface WorkerOptions
  extends Partial<ClientSettings>,
    SpoolOptions,
    Partial<Omit<JournalOptions, 'onSpoolError'>>,
    Omit<Partial<SessionOptions>, 'onRejection' | 'onDirective' | 'onDisconnect'> {
  /** Of every execution that does not say. Default `default`. */
  readonly namespace?: string
  /** Silence after which the server closes an execution as LOST. Default 0: the server's. */
  readonly leaseMs?: number
  /** Told of what goes wrong, for a log. The worker goes on. */
  readonly onProblem?: (problem: WorkerProblem) => void
}

export type WorkerProblem =
  /** The stream broke, and not just for the server to renew the connection. */
  | { readonly kind: 'disconnected'; readonly error: Error }
  | { readonly kind: 'rejected'; readonly executionId: string; readonly violations: readonly Violation[] }
  /** The spool is full: this execution goes unrecorded. */
  | { readonly kind: 'unrecorded'; readonly task: string }
  /** The spool on disk failed; it goes on in memory. */
  | { readonly kind: 'spool'; readonly error: unknown }
  /** `client`, such as `docker run`, asks a daemon to run it: what is measured is the client, not the work. Told once each. */
  | { readonly kind: 'measures-client'; readonly client: string; readonly task: string }

export interface StartOptions {
  readonly task: string
  readonly namespace?: string
  /** Unique per attempt. Default: a random one. */
  readonly executionId?: string
  /** From 1, the default. */
  readonly attempt?: number
  readonly features?: Features
  readonly labels?: Labels
  readonly requested?: Resources
  readonly allocated?: Resources
  /** Of the estimate that `allocated` came from. */
  readonly estimateToken?: Uint8Array
}

export interface Execution {
  readonly executionId: string
  /** False where the server asked for a fraction and this one is not in it, or the spool is full. */
  readonly isRecorded: boolean
  sample(sample: UsageSample): void
  /** Once; later calls do nothing. What is set in `used` wins over the samples. */
  end(outcome: Outcome, used?: Resources, source?: MeasurementSource): void
}

export interface WorkerStatistics extends SpoolSize {
  readonly state: SessionState
  readonly started: number
  readonly ended: number
  readonly rejected: number
  readonly unrecorded: number
  /** Renewals of the connection included. */
  readonly disconnects: number
}

export interface Worker {
  startExecution(options: StartOptions): Execution
  /** Runs `work` as one execution: what it throws is its failure, and is thrown on. */
  profile<T>(
    task: string | (StartOptions & SamplerOptions),
    features: Features,
    work: (execution: Execution) => T | Promise<T>,
  ): Promise<T>
  /** Runs a command as one execution. */
  run(options: StartOptions & CommandOptions): RunningCommand & { readonly execution: Execution }
  statistics(): WorkerStatistics
  /** True once everything so far is stored, false where the deadline (default 5000) came first. */
  flush(deadlineMs?: number): Promise<boolean>
  /** Flushes within the deadline (default 5000), then ends the session. */
  close(deadlineMs?: number): Promise<boolean>
}

/** Where `foresize up` listens. */
export const defaultProfilerTarget = '127.0.0.1:7070'

/**
 * Reports what tasks use. Never throws into the task, never slows it, never lets it wait: with no profiler to be
 * reached it holds what the spool has room for and goes on.
 */
export function createWorker(options: WorkerOptions = {}): Worker {
  requireNode()
  const target = options.target ?? process.env['FORESIZE_PROFILER'] ?? defaultProfilerTarget
  const settings = { target, ...clientSecurityOf(process.env), ...securityIn(options) }
  const client = new ProfilerServiceClient(target, channelCredentials(settings), clientOptionsFor(settings))
  const spool = spoolOf(options)
  const directives = createDirectives(options.random)
  const counts = { started: 0, ended: 0, rejected: 0, unrecorded: 0, disconnects: 0 }
  const session = createSession(client, spool, {
    ...options,
    client: options.client ?? `foresize-typescript/${process.version}`,
    onDirective: directives.receive,
    onRejection(executionId, violations) {
      counts.rejected++
      options.onProblem?.({ kind: 'rejected', executionId, violations })
    },
    onDisconnect(error, isRenewal) {
      counts.disconnects++
      if (!isRenewal) options.onProblem?.({ kind: 'disconnected', error })
    },
  })

  // What an earlier process left in the spool is sent without waiting for something new.
  if (spool.size().waitingExecutions > 0) session.wake()

  function startExecution(start: StartOptions): Execution {
    const namespace = start.namespace ?? options.namespace ?? defaultNamespace
    const key = { namespace, task: start.task }
    const executionId = start.executionId ?? randomUUID()
    const { isReported, weight, minSampleIntervalMs } = directives.decide(key)
    const isTaken =
      isReported &&
      spool.start(
        fromExecutionStart(
          {
            executionId,
            task: key,
            attempt: start.attempt ?? 1,
            features: start.features ?? {},
            labels: start.labels ?? {},
            requested: start.requested ?? {},
            allocated: start.allocated ?? {},
            estimateToken: start.estimateToken ?? new Uint8Array(),
            weight,
          },
          options.leaseMs ?? 0,
        ),
      )
    if (isTaken) {
      counts.started++
      session.wake()
    } else if (isReported) {
      counts.unrecorded++
      options.onProblem?.({ kind: 'unrecorded', task: start.task })
    }
    return isTaken ? recorded(executionId, minSampleIntervalMs) : unrecorded(executionId)
  }

  function recorded(executionId: string, minSampleIntervalMs: number): Execution {
    let isOpen = true
    let sentMs = 0
    let held: UsageSample | undefined
    return {
      executionId,
      isRecorded: true,
      sample(sample) {
        if (!isOpen) return
        held = held === undefined ? sample : joinSamples(held, sample, sentMs)
        if (sample.elapsedMs - sentMs < minSampleIntervalMs) return
        spool.sample(executionId, held)
        sentMs = sample.elapsedMs
        held = undefined
        session.wake()
      },
      end(outcome, used = {}, source = 'unknown') {
        if (!isOpen) return
        isOpen = false
        if (held !== undefined) spool.sample(executionId, held)
        spool.end(fromExecutionEnd({ executionId, outcome, used, source }))
        counts.ended++
        session.wake()
      },
    }
  }

  const clients = new Set<string>()
  function noteClient({ command, args = [], task }: StartOptions & CommandOptions): void {
    const client = daemonClient(command, args)
    if (client === undefined || clients.has(client)) return
    clients.add(client)
    options.onProblem?.({ kind: 'measures-client', client, task })
  }

  return {
    startExecution,

    async profile(task, features, work) {
      const start = typeof task === 'string' ? { task, features } : { ...task, features }
      const execution = startExecution(start)
      const measured = measureSelf()
      const sampler = startSampler(measured.reader, execution.sample, typeof task === 'string' ? {} : task)
      try {
        const result = await work(execution)
        execution.end('succeeded', measured.used(), 'sampled')
        return result
      } catch (error) {
        execution.end('failed', measured.used(), 'sampled')
        throw error
      } finally {
        sampler.stop()
      }
    },

    run(command) {
      noteClient(command)
      // What cannot be executed is no execution.
      const execution =
        refusalOf(command) === undefined
          ? startExecution(command)
          : unrecorded(command.executionId ?? randomUUID())
      const running = runCommand({
        ...command,
        onSample(sample) {
          execution.sample(sample)
          command.onSample?.(sample)
        },
      })
      const done = running.done.then((result: CommandResult) => {
        execution.end(result.outcome, result.used, result.source)
        return result
      })
      return { ...running, done, execution }
    },

    statistics: () => ({ ...spool.size(), ...counts, state: session.state() }),
    flush: (deadlineMs = 5000) => session.flush(deadlineMs),
    async close(deadlineMs = 5000) {
      const isDurable = await session.close(deadlineMs)
      spool.close()
      client.close()
      return isDurable
    },
  }
}

function spoolOf(options: WorkerOptions): Spool {
  const { spoolFolder } = options
  const spool = createSpool(options)
  if (spoolFolder === undefined) return spool
  const onSpoolError = (error: unknown) => options.onProblem?.({ kind: 'spool', error })
  return journaledSpool(spool, { ...options, spoolFolder, onSpoolError })
}

function unrecorded(executionId: string): Execution {
  return { executionId, isRecorded: false, sample() {}, end() {} }
}
