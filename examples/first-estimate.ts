import { createEstimatorClient } from '../services/scheduler/client.ts'
import { createWorker } from '../workers/typescript/worker.ts'

// Needs the services: `foresize up`. Where it is comes from FORESIZE_PROFILER and FORESIZE_ESTIMATOR, if set.

const task = 'example/resize-image'

/** A program whose memory grows with its input, as most do. */
const program = (megabytes: number) => ['-e', `Buffer.alloc(${megabytes} * 3e6, 1)`]

const worker = createWorker()
for (let megabytes = 10; megabytes <= 100; megabytes += 10) {
  const features = { input_bytes: megabytes * 1e6 }
  await worker.run({ task, features, command: process.execPath, args: program(megabytes) }).done
}
await worker.close()

const estimator = createEstimatorClient({ deadlineMs: 1000 })
const answer = await estimator.estimate({
  task: { namespace: 'default', task },
  features: { input_bytes: 75e6 },
  labels: {},
  requested: {},
  attempt: 1,
  previousAllocation: {},
  policy: {},
  executionId: '',
})
if (answer.kind === 'estimate') {
  const { resources, confidence, reason } = answer.estimate
  const megabytes = Math.round((resources.memoryBytes ?? 0) / 1e6)
  console.log(`give it ${megabytes} MB, ${Math.round(confidence * 100)} % sure to suffice: ${reason}`)
} else {
  console.log(`no estimate: ${answer.reason}`)
}
estimator.close()
