import { createEstimatorClient } from '../services/scheduler/client.ts'
import { createLearningScheduler } from '../services/scheduler/learning-scheduler.ts'
import type { SizedTask } from '../services/scheduler/resource-aware-scheduler.ts'
import { createWorker } from '../workers/typescript/worker.ts'

/** A queue of one's own, for 2 GB, that learns to run more at once. Needs the services: `foresize up`. */
const [worker, estimator] = [createWorker(), createEstimatorClient({ updateIntervalMs: 0 })]
const waiting: (() => void)[] = []
let free = 2e9
async function schedule(queued: SizedTask) {
  let sized = queued
  for (; (sized.allocated.memoryBytes ?? 2e9) > free; sized = await queued.resize()) {
    await new Promise<void>((resolve) => waiting.push(resolve))
  }
  const { task, allocated, estimateToken, decision } = sized
  free -= allocated.memoryBytes ?? 2e9
  console.log(`${decision.reason}: ${Math.round((allocated.memoryBytes ?? 2e9) / 1e6)} MB`)
  const args = ['-e', `Buffer.alloc(${task.features?.['input_bytes']}, 1)`]
  await worker.run({ ...task, task: task.task.task, allocated, estimateToken, command: 'node', args }).done
  await worker.flush()
  free += allocated.memoryBytes ?? 2e9
  for (const retry of waiting.splice(0)) retry()
}

const queue = createLearningScheduler({ schedule }, estimator)
const task = { namespace: 'default', task: 'example/queue' }
const tasks = Array.from({ length: 16 }, (_, i) => ({ task, features: { input_bytes: (1 + (i % 4)) * 2e7 } }))
const some = { requested: { memoryBytes: 1.5e9 } }
await Promise.all(tasks.map((t, i) => queue.schedule({ ...t, ...some, executionId: `${process.pid}-${i}` })))
await Promise.all([worker.close(), estimator.close()])
