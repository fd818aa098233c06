import { type ClientDuplexStream, credentials, type ServiceError } from '@grpc/grpc-js'
import type { ProfilerConfig } from '../../services/profiler/config.ts'
import { startProfiler } from '../../services/profiler/service.ts'
import { systemClock } from '../../shared/runtime/clock.ts'
import { createLifecycle } from '../../shared/runtime/lifecycle.ts'
import type {
  ExecutionEnd,
  ExecutionRecord,
  ExecutionStart,
} from '../../shared/wire/gen/foresize/v1/execution.ts'
import {
  ExecutionEnd as ends,
  ExecutionRecord as records,
  ExecutionStart as starts,
} from '../../shared/wire/gen/foresize/v1/execution.ts'
import {
  ProfilerServiceClient,
  ProfilerServiceService,
  type StreamUsageRequest,
  type StreamUsageResponse,
  UsageBatch,
} from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { quietLog } from './profiler-fixture.ts'
import { configOf } from './stores.ts'

export interface TestProfiler {
  readonly address: string
  readonly client: ProfilerServiceClient
  /** As SIGTERM does. */
  stop(): Promise<void>
}

/** The real service in this process, on a free port. */
export async function testProfiler(given: Partial<ProfilerConfig>): Promise<TestProfiler> {
  const lifecycle = createLifecycle(quietLog)
  const config = configOf({ drainMs: 2000, ...given })
  const server = await startProfiler(config, systemClock, quietLog, lifecycle)
  const client = new ProfilerServiceClient(server.address, credentials.createInsecure())
  return {
    address: server.address,
    client,
    async stop() {
      client.close()
      await lifecycle.stop('test')
    },
  }
}

/** What a test wants to say of a message; the rest is zero. */
export type Given<T> = T extends Uint8Array | string | number | boolean | undefined
  ? T
  : T extends readonly (infer U)[]
    ? readonly Given<U>[]
    : { readonly [K in keyof T]?: Given<T[K]> | undefined }

type Message = NonNullable<StreamUsageResponse['message']>
type Case = Message['$case']
type ValueOf<C extends Case> = Extract<Message, { readonly $case: C }>['value']

/** One StreamUsage call, read message by message. */
export interface TestStream {
  send(batch: Given<UsageBatch>): void
  /** The next message of that kind; others before it are skipped. Rejects when the stream ends first. */
  next<C extends Case>(kind: C): Promise<ValueOf<C>>
  /** Resolves once batches up to `sequence` are durable. */
  durable(sequence: number): Promise<void>
  /** Everything received so far. */
  readonly received: readonly Message[]
  readonly call: ClientDuplexStream<StreamUsageRequest, StreamUsageResponse>
  /** The status that it ended with; 0 for OK. */
  readonly ended: Promise<number>
  close(): Promise<void>
}

export async function openStream(
  client: ProfilerServiceClient,
  sessionId: string,
): Promise<TestStream & { readonly opened: ValueOf<'opened'> }> {
  const call = client.streamUsage()
  const received: Message[] = []
  let wake = () => {}
  let isOver = false
  const ended = new Promise<number>((resolve) => {
    const finish = (code: number) => {
      isOver = true
      resolve(code)
      wake()
    }
    call.on('error', (error: ServiceError) => finish(error.code))
    call.on('end', () => finish(0))
  })
  call.on('data', (response: StreamUsageResponse) => {
    if (response.message) received.push(response.message)
    wake()
  })
  let read = 0
  async function find<T>(pick: (message: Message) => T | undefined): Promise<T> {
    for (;;) {
      while (read < received.length) {
        const found = pick(received[read++] as Message)
        if (found !== undefined) return found
      }
      if (isOver) throw new Error(`the stream ended with ${await ended}`)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  const stream: TestStream = {
    send: (batch) =>
      call.write({ message: { $case: 'batch', value: UsageBatch.fromPartial(batch as object) } }),
    next: <C extends Case>(kind: C) =>
      find((message) => (message.$case === kind ? (message.value as ValueOf<C>) : undefined)),
    durable: (sequence) =>
      find((message) =>
        message.$case === 'acknowledgement' && message.value.durableSequence >= sequence ? true : undefined,
      ).then(() => undefined),
    received,
    call,
    ended,
    async close() {
      call.end()
      await ended
    },
  }
  call.write({ message: { $case: 'open', value: { sessionId, client: 'test' } } })
  return { ...stream, opened: await stream.next('opened') }
}

export const wireStart = (executionId: string, given: Given<ExecutionStart> = {}): ExecutionStart =>
  starts.fromPartial({ executionId, task: { task: 'task' }, ...(given as object) })

export const wireEnd = (executionId: string, given: Given<ExecutionEnd> = {}): ExecutionEnd =>
  ends.fromPartial({
    executionId,
    outcome: 1,
    used: { memoryBytes: 1e9, durationMs: 1000 },
    ...(given as object),
  })

export const wireRecord = (executionId: string, given: Given<ExecutionRecord> = {}): ExecutionRecord =>
  records.fromPartial({
    executionId,
    task: { task: 'task' },
    outcome: 1,
    used: { memoryBytes: 1e9, durationMs: 1000 },
    ...(given as object),
  })

type Methods = typeof ProfilerServiceService
type RequestOf<M extends keyof Methods> = Parameters<Methods[M]['requestSerialize']>[0]
type ResponseOf<M extends keyof Methods> = ReturnType<Methods[M]['responseDeserialize']>

/**
 * A unary call as a promise. Rejects with the ServiceError, in a later turn of the event loop: a closed client fails at
 * once, and a test that asks until it is answered would let no timeout end it.
 */
export function unary<M extends keyof Methods>(
  client: ProfilerServiceClient,
  method: M,
  request: RequestOf<M>,
): Promise<ResponseOf<M>> {
  const { path, requestSerialize, responseDeserialize } = ProfilerServiceService[method]
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize as (value: RequestOf<M>) => Buffer,
      responseDeserialize as (value: Buffer) => ResponseOf<M>,
      request,
      (error, response) => (response === undefined ? setImmediate(() => reject(error)) : resolve(response)),
    )
  })
}

/** Executions that a task's profile has counted. */
export async function countOf(client: ProfilerServiceClient, task = 'task', namespace = ''): Promise<number> {
  try {
    const { profile } = await unary(client, 'getProfile', { key: { namespace, kind: 1, task } })
    return profile?.outcomes.reduce((sum, { count }) => sum + count, 0) ?? 0
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 5) return 0
    throw error
  }
}

/** Waits until `check` holds, however slow the machine is; the test's own timeout ends a wait in vain. */
export async function eventually(check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 20))
}
