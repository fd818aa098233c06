import { parentPort, workerData } from 'node:worker_threads'
import { credentials } from '@grpc/grpc-js'
import { ProfilerServiceClient } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { openStream, wireEnd, wireStart } from './profiler-service.ts'

/** What the thread is started with. */
export interface Replay {
  readonly address: string
  readonly sessionId: string
}

/** In a thread of its own: a worker that reports what it has kept, as fast as it can, once it is told to. */
const { address, sessionId } = workerData as Replay
const client = new ProfilerServiceClient(address, credentials.createInsecure())
const stream = await openStream(client, sessionId)
const names = (of: string, count: number) => Array.from({ length: count }, (_, i) => `${of}${i}`)

/** Batches that each begin, sample and end as many executions as a batch may. */
const batches = names(sessionId, 8).map((name, i) => {
  const ids = names(`${name} `, 1000)
  return {
    sequence: i + 1,
    starts: ids.map((id) => wireStart(id)),
    samples: ids.map((executionId) => ({ executionId, elapsedDeltaMs: [10, 10], memoryBytes: [1e6, 2e6] })),
    ends: ids.map((id) => wireEnd(id)),
  }
})

parentPort?.once('message', async () => {
  for (const batch of batches) stream.send(batch)
  await stream.durable(batches.length)
  await stream.close()
  client.close()
  parentPort?.postMessage('acknowledged')
})
parentPort?.postMessage('ready')
