import { ForesizeError } from '../../shared/domain/errors.ts'
import { taskId } from '../../shared/domain/task.ts'
import type { CallContext } from '../../shared/rpc/handlers.ts'
import { type Principal, scopeOf } from '../../shared/rpc/principal.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { type RecentlyUsed, recentlyUsed } from '../../shared/runtime/recently-used.ts'
import { turn } from '../../shared/runtime/turns.ts'
import { checkText, readName } from '../../shared/wire/fields.ts'
import type {
  OpenSession,
  StreamUsageRequest,
  StreamUsageResponse,
  UsageBatch,
} from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { inspect } from '../../shared/wire/inspection.ts'
import { readBatch } from './batch.ts'
import { claimOf } from './claim.ts'
import type { Rejection } from './domain/session.ts'
import { fromDurability } from './durability.ts'
import type { Ingestion } from './ingestion.ts'
import type { LiveSession, Submitted } from './live-session.ts'
import type { ProfilerMetrics } from './metrics.ts'
import type { Durability } from './store.ts'
import type { Directive, TaskRates } from './task-rates.ts'

export interface UsageStreamSettings {
  readonly defaultLeaseMs: number
  /** Batches that the server takes before it stops reading. Default 64. */
  readonly maxUnacknowledgedBatches: number
  readonly maxOpenExecutionsPerSession: number
}

export interface UsageStreamParts {
  readonly ingestion: Ingestion
  readonly durability: Durability
  readonly rates: TaskRates
  /** Of a task, by `taskId`. */
  readonly openExecutionsOf: (taskId: string) => number
  readonly clock: Clock
  /** Aborted when the service stops: streams end once what they sent is stored. */
  readonly stopping: AbortSignal
  readonly settings: UsageStreamSettings
  readonly metrics: Pick<ProfilerMetrics, 'batch'>
  readonly log: Log
}

type Send = (response: StreamUsageResponse) => Promise<void>
type Message = NonNullable<StreamUsageResponse['message']>

/** Tasks whose directive one stream remembers having sent. */
const maxToldTasks = 256

/**
 * One stream: its session, its batches, what is acknowledged.
 * Law: the next message is read only while fewer than `maxUnacknowledgedBatches` are under way; a batch whose commit
 * failed ends the stream, and nothing after it is acknowledged.
 */
export function usageStream(
  parts: UsageStreamParts,
): (requests: AsyncIterable<StreamUsageRequest>, send: Send, context: CallContext) => Promise<void> {
  const { ingestion, settings, log } = parts

  return async (requests, send, { signal, peer, principal }) => {
    const iterator = requests[Symbol.asyncIterator]()
    const open = openOf((await iterator.next()).value)
    const session = await ingestion.open(open.sessionId, claimOf(principal, scopeOf(principal)))
    log.debug({ session: open.sessionId, client: open.client, peer }, 'session opened')
    const ended = new AbortController()
    try {
      await send({ message: openedMessage(session) })
      const outbox = acknowledgements(send, session.state().sequence, settings.maxUnacknowledgedBatches)
      const stopped = aborted(parts.stopping, ended.signal)
      const reading = readAll(iterator, session, principal, send, outbox)
      reading.catch(() => undefined)
      await Promise.race([reading, outbox.failed, stopped])
      await outbox.settled()
      if (parts.stopping.aborted) throw new ForesizeError('unavailable', 'the profiler is stopping')
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      ended.abort()
      await ingestion.close(session)
    }
  }

  async function readAll(
    iterator: AsyncIterator<StreamUsageRequest>,
    session: LiveSession,
    principal: Principal,
    send: Send,
    outbox: Outbox,
  ): Promise<void> {
    const told = recentlyUsed<Directive>(maxToldTasks)
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      if (parts.stopping.aborted) return
      const message = batchOf(next.value)
      const { batch, rejections } = await readBatch(message, settings.defaultLeaseMs, principal)
      await ingestion.letIn(
        batch.starts.map(({ start }) => start.task.namespace),
        session.state().scope,
      )
      if (turn.isOver()) await turn.rest()
      const submitted = session.apply(batch, parts.clock.nowUnixMs())
      if (!submitted) {
        outbox.sayAgain()
        continue
      }
      submitted.durable.catch(() => undefined)
      parts.metrics.batch({
        starts: batch.starts.length,
        samples: batch.samples.reduce((sum, { columns }) => sum + columns.elapsedDeltaMs.length, 0),
        ends: batch.ends.length,
        rejections: rejections.length + submitted.applied.rejections.length,
      })
      for (const rejection of rejections)
        await send({ message: rejectionMessage(message.sequence, rejection) })
      for (const rejection of submitted.applied.rejections) {
        await send({ message: rejectionMessage(message.sequence, rejection) })
      }
      // Once it is acknowledged its client forgets a batch: it has been told by then what was refused of it.
      outbox.add(batch.sequence, submitted.durable)
      if (turn.isOver()) await turn.rest()
      for (const directive of newDirectives(submitted, told)) {
        await send({ message: { $case: 'sampling', value: directive } })
      }
      await outbox.room()
    }
  }

  function newDirectives({ applied: { started } }: Submitted, told: RecentlyUsed<Directive>): Directive[] {
    const { rates, openExecutionsOf, clock } = parts
    const now = clock.monotonicMs()
    const tasks = new Map<string, Directive['task']>()
    for (const { task, weight } of started) {
      const id = taskId(task)
      rates.observe(id, weight, now)
      tasks.set(id, task)
    }
    const directives: Directive[] = []
    for (const [id, task] of tasks) {
      const executionFraction = rates.fractionOf(id)
      const minSampleIntervalMs = rates.sampleIntervalMs(openExecutionsOf(id))
      const before = told.get(id) ?? everything
      if (
        executionFraction === before.executionFraction &&
        minSampleIntervalMs === before.minSampleIntervalMs
      )
        continue
      const directive = { task, executionFraction, minSampleIntervalMs }
      told.set(id, directive)
      directives.push(directive)
    }
    return directives
  }

  function openedMessage(session: LiveSession): Message {
    return {
      $case: 'opened',
      value: {
        durableSequence: session.state().sequence,
        durability: fromDurability(parts.durability),
        defaultLeaseMs: settings.defaultLeaseMs,
        maxUnacknowledgedBatches: settings.maxUnacknowledgedBatches,
        maxOpenExecutions: settings.maxOpenExecutionsPerSession,
      },
    }
  }
}

/** Resolves once aborted; listens no longer than until `ended`. */
function aborted(stopping: AbortSignal, ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stopping.aborted) resolve()
    stopping.addEventListener('abort', () => resolve(), { signal: ended, once: true })
  })
}

/** What a worker reports that was told nothing. */
const everything: Omit<Directive, 'task'> = { executionFraction: 1, minSampleIntervalMs: 0 }

function openOf(request: StreamUsageRequest | undefined): OpenSession {
  if (request?.message?.$case !== 'open')
    throw new ForesizeError('invalid', 'open: must be the first message')
  const open = request.message.value
  inspect((seen) => {
    readName(open.sessionId, 'open.session_id', seen)
    checkText(open.client, 'open.client', seen)
  })
  return open
}

function batchOf(request: StreamUsageRequest): UsageBatch {
  switch (request.message?.$case) {
    case 'batch':
      return request.message.value
    case 'open':
      throw new ForesizeError('invalid', 'open: must come once')
    case undefined:
      throw new ForesizeError('invalid', 'message: must be set')
  }
}

function rejectionMessage(sequence: number, { executionId, violations }: Rejection): Message {
  return { $case: 'rejection', value: { sequence, executionId, violations } }
}

interface Outbox {
  /** A batch is under way. */
  add(sequence: number, durable: Promise<unknown>): void
  /** Says what is stored though it was said before: the client has sent a batch again. */
  sayAgain(): void
  /** Resolves once fewer batches are under way than may be. */
  room(): Promise<void>
  /** Resolves once none is under way and all that is stored was said. */
  settled(): Promise<void>
  /** Never resolves; rejects once a batch could not be stored. */
  readonly failed: Promise<never>
}

/** Says what is stored, the highest sequence only, no faster than the client listens. */
function acknowledgements(send: Send, opened: number, limit: number): Outbox {
  let durable = opened
  let said = opened
  let underWay = 0
  let saying: Promise<void> | undefined
  let failure: { readonly cause: unknown } | undefined
  const waiting = new Set<() => void>()
  let reject: (error: unknown) => void = () => undefined
  const failed = new Promise<never>((_, rejectFailed) => {
    reject = rejectFailed
  })
  failed.catch(() => undefined)

  function wake(): void {
    for (const resolve of waiting) resolve()
    waiting.clear()
  }

  function fail(cause: unknown): void {
    failure ??= { cause }
    reject(cause)
    wake()
  }

  async function say(): Promise<void> {
    while (said < durable) {
      said = durable
      await send({ message: { $case: 'acknowledgement', value: { durableSequence: said } } })
    }
    saying = undefined
  }

  function sayIfNew(): void {
    if (failure) return
    saying ??= Promise.resolve().then(say)
    saying.catch(fail)
  }

  async function until(done: () => boolean): Promise<void> {
    while (!done() && !failure) {
      await new Promise<void>((resolve) => waiting.add(resolve))
    }
    if (failure) throw failure.cause
  }

  return {
    add(sequence, stored) {
      underWay += 1
      stored.then(() => {
        underWay -= 1
        durable = Math.max(durable, sequence)
        sayIfNew()
        wake()
      }, fail)
    },
    sayAgain() {
      said = 0
      sayIfNew()
    },
    room: () => until(() => underWay < limit),
    async settled() {
      await until(() => underWay === 0)
      await saying
    },
    failed,
  }
}
