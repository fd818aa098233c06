import { randomUUID } from 'node:crypto'
import { type ClientDuplexStream, status } from '@grpc/grpc-js'
import type { Violation } from '../../shared/domain/errors.ts'
import { statusOf } from '../../shared/rpc/client.ts'
import type {
  ProfilerServiceClient,
  SamplingDirective,
  StreamUsageRequest,
  StreamUsageResponse,
} from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { maxTimerMs } from './long-timer.ts'
import { defaultMaxOpen, type Spool } from './spool.ts'

export interface SessionOptions {
  /** Name and version, for the server's log. */
  readonly client: string
  /** Events are gathered for so long before they are sent. Default 100. */
  readonly batchIntervalMs?: number
  /** Batches on the way at once; the server may ask for fewer. Default 16. */
  readonly maxUnacknowledgedBatches?: number
  /** First wait before a reconnect; doubled with each failure, and jittered by half. Default 100. */
  readonly reconnectMinMs?: number
  /** Longest wait before a reconnect. Default 10,000. */
  readonly reconnectMaxMs?: number
  /** A server that acknowledges nothing for so long is left for another. Default 30,000. */
  readonly acknowledgeTimeoutMs?: number
  /** In [0, 1). Default Math.random. */
  readonly random?: () => number
  onRejection(executionId: string, violations: readonly Violation[]): void
  onDirective(directive: SamplingDirective): void
  /** The stream broke; it is opened again by itself. `isRenewal`: as the server renews connections, nothing is wrong yet. */
  onDisconnect(error: Error, isRenewal: boolean): void
}

/** `connecting` until the server has answered, `waiting` between two attempts. */
export type SessionState = 'waiting' | 'connecting' | 'open' | 'closed'

export interface Session {
  state(): SessionState
  /** There is something to send. */
  wake(): void
  /** True once all that was taken is stored, false where the deadline came first. */
  flush(deadlineMs: number): Promise<boolean>
  /** Flushes, then ends. What the deadline left unsent is lost. */
  close(deadlineMs: number): Promise<boolean>
}

type Stream = ClientDuplexStream<StreamUsageRequest, StreamUsageResponse>

/** Keeps one resumable StreamUsage session over any number of connections, and never throws into its caller. */
export function createSession(client: ProfilerServiceClient, spool: Spool, options: SessionOptions): Session {
  const {
    batchIntervalMs = 100,
    maxUnacknowledgedBatches = 16,
    reconnectMinMs = 100,
    reconnectMaxMs = 10_000,
    acknowledgeTimeoutMs = 30_000,
    random = Math.random,
  } = options
  let sessionId = randomUUID()
  let state: SessionState = 'waiting'
  let stream: Stream | undefined
  let failures = 0
  let window = maxUnacknowledgedBatches
  /** Highest sequence written on this connection. */
  let writtenSequence = 0
  let isBlocked = false
  let batchTimer: NodeJS.Timeout | undefined
  let reconnectTimer: NodeJS.Timeout | undefined
  let watchdog: NodeJS.Timeout | undefined
  const waiters = new Set<(isDurable: boolean) => void>()

  const isEmpty = () => {
    const { waitingExecutions, unacknowledgedBatches } = spool.size()
    return waitingExecutions === 0 && unacknowledgedBatches === 0
  }

  function connect(): void {
    state = 'connecting'
    writtenSequence = 0
    isBlocked = false
    const opened = client.streamUsage()
    stream = opened
    opened.on('data', (response: StreamUsageResponse) => {
      if (opened === stream) receive(opened, response)
    })
    opened.on('drain', () => {
      if (opened !== stream) return
      isBlocked = false
      pump()
    })
    opened.on('error', (error: Error) => lose(opened, error))
    opened.on('end', () => lose(opened, new Error('the server ended the stream')))
    opened.write({ message: { $case: 'open', value: { sessionId, client: options.client } } })
    watch()
  }

  function receive(from: Stream, { message }: StreamUsageResponse): void {
    switch (message?.$case) {
      case 'opened': {
        const { durableSequence, maxUnacknowledgedBatches: asked, maxOpenExecutions } = message.value
        spool.limitOpen(maxOpenExecutions || defaultMaxOpen)
        if (!spool.acknowledge(durableSequence)) {
          startAnew(from)
          break
        }
        window = Math.max(1, Math.min(maxUnacknowledgedBatches, asked || maxUnacknowledgedBatches))
        writtenSequence = durableSequence
        state = 'open'
        if (isEmpty()) failures = 0
        acknowledged()
        break
      }
      case 'acknowledgement':
        failures = 0
        if (spool.acknowledge(message.value.durableSequence)) acknowledged()
        else startAnew(from)
        break
      case 'rejection':
        options.onRejection(message.value.executionId, message.value.violations)
        break
      case 'sampling':
        options.onDirective(message.value)
        break
    }
  }

  function acknowledged(): void {
    clearTimeout(watchdog)
    watchdog = undefined
    pump()
    if (spool.unacknowledged().length > 0) watch()
    if (isEmpty()) for (const finish of waiters) finish(true)
  }

  /** The server's watermark is not ours: it has lost the session, or we have a twin. */
  function startAnew(from: Stream): void {
    sessionId = randomUUID()
    spool.restart()
    lose(from, new Error('the server does not know the session any more'))
  }

  function pump(): void {
    clearTimeout(batchTimer)
    batchTimer = undefined
    if (state !== 'open') return
    for (const batch of spool.unacknowledged()) {
      if (isBlocked) return
      if (batch.sequence > writtenSequence) write(batch)
    }
    while (!isBlocked && spool.unacknowledged().length < window) {
      const batch = spool.nextBatch()
      if (batch === undefined) return
      write(batch)
    }
  }

  function write(batch: ReturnType<Spool['unacknowledged']>[number]): void {
    writtenSequence = batch.sequence
    isBlocked = stream?.write({ message: { $case: 'batch', value: batch } }) === false
    watch()
  }

  function watch(): void {
    if (watchdog !== undefined) return
    watchdog = setTimeout(() => {
      if (stream !== undefined) lose(stream, new Error(`no acknowledgement for ${acknowledgeTimeoutMs} ms`))
    }, acknowledgeTimeoutMs)
    watchdog.unref()
  }

  function lose(lost: Stream, error: Error): void {
    if (lost !== stream) return
    stream = undefined
    lost.cancel()
    clearTimeout(watchdog)
    watchdog = undefined
    if (state === 'closed') return
    if (statusOf(error) === status.FAILED_PRECONDITION) {
      sessionId = randomUUID()
      spool.restart()
    }
    // What comes of it shows next: a stream that cannot be opened, or that acknowledges nothing, is no renewal.
    const isRenewal = state === 'open' && failures === 0 && statusOf(error) === status.UNAVAILABLE
    state = 'waiting'
    options.onDisconnect(error, isRenewal)
    const waitMs =
      Math.min(reconnectMaxMs, reconnectMinMs * 2 ** Math.min(failures, 20)) * (0.5 + random() / 2)
    failures++
    reconnectTimer = setTimeout(connect, waitMs)
    reconnectTimer.unref()
  }

  function wake(): void {
    if (state === 'waiting' && reconnectTimer === undefined) connect()
    if (state === 'open') batchTimer ??= setTimeout(pump, batchIntervalMs).unref()
  }

  function flush(deadlineMs: number): Promise<boolean> {
    if (isEmpty()) return Promise.resolve(true)
    if (state === 'closed') return Promise.resolve(false)
    // Whoever waits for it has no time for a long pause between two attempts.
    if (state === 'waiting') {
      clearTimeout(reconnectTimer)
      connect()
    }
    pump()
    return new Promise((resolve) => {
      const finish = (isDurable: boolean) => {
        clearTimeout(timer)
        waiters.delete(finish)
        resolve(isDurable)
      }
      const timer = setTimeout(() => finish(false), Math.min(deadlineMs, maxTimerMs))
      waiters.add(finish)
    })
  }

  return {
    state: () => state,
    wake,
    flush,
    async close(deadlineMs) {
      const isDurable = await flush(deadlineMs)
      state = 'closed'
      for (const finish of waiters) finish(false)
      clearTimeout(batchTimer)
      clearTimeout(reconnectTimer)
      clearTimeout(watchdog)
      const last = stream
      if (last !== undefined && isDurable) await endGently(last)
      else last?.cancel()
      return isDurable
    },
  }
}

/** The server closes its side once it has read ours; one that does not is left after a second. */
function endGently(stream: Stream): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      stream.cancel()
      resolve()
    }, 1000)
    const finish = () => {
      clearTimeout(timer)
      resolve()
    }
    stream.once('end', finish)
    stream.once('error', finish)
    stream.end()
  })
}
