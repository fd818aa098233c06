// Profiles one function in a worker thread while the main thread is busy.
import { workerData } from 'node:worker_threads'
import { createWorker } from '../../workers/typescript/worker.ts'

const { target, busyMs } = workerData as { readonly target: string; readonly busyMs: number }
const worker = createWorker({ target })
await worker.profile('threaded', {}, async () => {
  const usedUs = () => {
    const { user, system } = process.threadCpuUsage()
    return user + system
  }
  const endUs = usedUs() + busyMs * 1000
  while (usedUs() < endUs);
})
await worker.close(10_000)
