import { Queue } from 'bullmq'
import { createLearningWorker, type LearningJob } from './learning-worker.ts'

/** Twelve jobs of one kind on a host of 4 GB. Needs the services (`foresize up`) and a Redis at $REDIS_PORT, else 6379. */
const connection = { host: '127.0.0.1', port: Number(process.env['REDIS_PORT'] ?? 6379) }
const name = `foresize-example-${process.pid}`
const queue = new Queue<LearningJob>(name, { connection })
const worker = createLearningWorker(name, {
  connection,
  capacity: { memoryBytes: 4e9 },
  estimator: { updateIntervalMs: 0 },
})

const jobs = 12
let finished = 0
const done = new Promise<void>((resolve) => {
  worker.queueWorker.on('completed', (job, { allocated, reason }) => {
    console.log(`job ${job.id}: ${Math.round((allocated.memoryBytes ?? 0) / 1e6)} MB, ${reason}`)
    if (++finished === jobs) resolve()
  })
})
for (let i = 1; i <= jobs; i++) {
  const inputBytes = i * 1e7
  const work = { command: process.execPath, args: ['-e', `Buffer.alloc(${inputBytes}, 1)`] }
  const sizing = { features: { input_bytes: inputBytes }, requested: { memoryBytes: 2e9 } }
  await queue.add('example/buffer-job', { ...work, ...sizing }, { attempts: 5 })
}
await done
await worker.close()
await queue.obliterate({ force: true })
await queue.close()
