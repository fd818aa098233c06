import { once } from 'node:events'
import { credentials } from '@grpc/grpc-js'
import { clientOptions } from '../shared/rpc/client.ts'
import { EstimateBatchResponse, EstimateResponse } from '../shared/wire/gen/foresize/v1/estimator_service.ts'
import { ExecutionEnd, ExecutionStart, type UsageSamples } from '../shared/wire/gen/foresize/v1/execution.ts'
import {
  ProfilerServiceClient,
  type StreamUsageResponse,
  type UsageBatch,
} from '../shared/wire/gen/foresize/v1/profiler_service.ts'
import { redisServer } from '../test/support/redis.ts'
import { alternate, type Bench, type BenchOptions, type Comparison, type Run } from './bench.ts'
import { measure } from './load.ts'
import { type ServerProcess, startEcho, startPair } from './server-process.ts'

export const executionsPerBatch = 10
export const tasks = 100
/** Batches sent and not yet acknowledged, as a worker's spool has them. */
const unacknowledged = 64

const column = (length: number, value: (i: number) => number) => Array.from({ length }, (_, i) => value(i))

function samplesOf(executionId: string, count: number): UsageSamples {
  return {
    executionId,
    elapsedDeltaMs: column(count, () => 1000),
    cpuCores: column(count, (i) => (i % 8) / 4),
    memoryBytes: column(count, (i) => 1e9 + i * 4096),
    diskBytes: [],
    gpuMemoryBytes: [],
  }
}

const startOf = (executionId: string, index: number) =>
  ExecutionStart.fromPartial({
    executionId,
    task: { namespace: 'bench', task: `task-${index % tasks}` },
    attempt: 1,
    features: { input_bytes: 1e8 + index },
    labels: { tool: `tool-${index % 7}` },
    allocated: { cpuCores: 2, memoryBytes: 8e9 },
    weight: 1,
  })

const endOf = (executionId: string) =>
  ExecutionEnd.fromPartial({
    executionId,
    outcome: 1,
    used: { memoryBytes: 2e9, durationMs: 10_000 },
    source: 1,
  })

type MakeBatch = (session: string, sequence: number) => UsageBatch

/** Whole executions: each begins, is sampled ten times and ends within one batch. */
export const wholeExecutions: MakeBatch = (session, sequence) => {
  const ids = column(executionsPerBatch, (i) => i).map((i) => `${session}-${sequence}-${i}`)
  return {
    sequence,
    starts: ids.map((id, i) => startOf(id, sequence * executionsPerBatch + i)),
    samples: ids.map((id) => samplesOf(id, 10)),
    ends: ids.map(endOf),
  }
}

/** Ten executions that run on and on: 100 samples of each in every batch. */
const longExecutions: MakeBatch = (session, sequence) => {
  const ids = column(executionsPerBatch, (i) => i).map((i) => `${session}-${i}`)
  return {
    sequence,
    starts: sequence === 1 ? ids.map(startOf) : [],
    samples: ids.map((id) => samplesOf(id, 100)),
    ends: [],
  }
}

/** One execution that runs on and on, 100 samples of it in every batch. */
const hundredSamples: MakeBatch = (session, sequence) => ({
  sequence,
  starts: sequence === 1 ? [startOf(session, 0)] : [],
  samples: [samplesOf(session, 100)],
  ends: [],
})

/** StreamUsage: executions and samples acknowledged as stored. */
export const ingestBench: Bench = {
  summary: 'StreamUsage, 10 executions a batch, until acknowledged, into memory, LMDB and Redis',
  async run(options) {
    const echo = await startEcho({
      estimate: EstimateResponse.encode({}).finish(),
      estimateBatch: EstimateBatchResponse.encode({ results: [] }).finish(),
    })
    const redis = await redisServer(['--appendfsync', 'everysec'])
    const comparisons: Comparison[] = []
    try {
      for (const store of ['memory', 'lmdb', 'redis'] as const) {
        const pair = await startPair(store, ['--redis-nodes', redis.node])
        try {
          const at = (make: MakeBatch, perBatch: number) => (server: ServerProcess) => () =>
            stream(server, make, perBatch, options)
          const executions = at(wholeExecutions, executionsPerBatch)
          const samples = at(longExecutions, executionsPerBatch * 100)
          const messages = at(hundredSamples, 100)
          for (const [name, unit, load] of [
            [`ingest, ${store}: whole executions`, 'executions', executions],
            [`ingest, ${store}: samples of long ones`, 'samples', samples],
            [`ingest, ${store}: 100 samples a message`, 'samples', messages],
          ] as const) {
            comparisons.push(await alternate(name, unit, options, load(echo), load(pair.profiler)))
          }
        } finally {
          await pair.stop()
        }
      }
    } finally {
      await redis.stop()
      await echo.stop()
    }
    return comparisons
  },
}

let sessions = 0

/** One session for `runMs`; counts what was acknowledged, to the last batch. */
export async function stream(
  server: Pick<ServerProcess, 'address' | 'cpuSeconds'>,
  make: MakeBatch,
  operationsPerBatch: number,
  { runMs }: BenchOptions,
): Promise<Run> {
  const client = new ProfilerServiceClient(server.address, credentials.createInsecure(), clientOptions)
  const session = `bench-${process.pid}-${sessions++}`
  const call = client.streamUsage()
  let acknowledged = 0
  let progressed = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  call.on('data', ({ message }: StreamUsageResponse) => {
    if (message?.$case === 'opened') opened.resolve()
    else if (message?.$case === 'acknowledgement') acknowledged = message.value.durableSequence
    else if (message?.$case === 'rejection') call.destroy(new Error(JSON.stringify(message.value)))
    progressed.resolve()
    progressed = Promise.withResolvers()
  })
  const failed = once(call, 'error').then(([error]) => {
    throw error
  })
  const orFailed = <T>(wait: Promise<T>) => Promise.race([wait, failed])
  call.write({ message: { $case: 'open', value: { sessionId: session, client: 'bench' } } })
  await orFailed(opened.promise)

  const measured = measure(server)
  const endMs = performance.now() + runMs
  let sent = 0
  while (performance.now() < endMs) {
    while (sent - acknowledged >= unacknowledged) await orFailed(progressed.promise)
    sent++
    if (!call.write({ message: { $case: 'batch', value: make(session, sent) } })) {
      await orFailed(once(call, 'drain'))
    }
  }
  while (acknowledged < sent) await orFailed(progressed.promise)
  const run = measured(acknowledged * operationsPerBatch)
  failed.catch(() => {})
  call.end()
  client.close()
  return run
}
