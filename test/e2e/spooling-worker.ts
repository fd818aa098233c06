// Makes executions with a spool on disk until it is killed, and prints each once its end was taken.
import { writeSync } from 'node:fs'
import { createWorker } from '../../workers/typescript/worker.ts'

const [target = '', spoolFolder = '', task = ''] = process.argv.slice(2)
const worker = createWorker({ target, spoolFolder, batchIntervalMs: 5 })
for (let i = 0; ; i++) {
  const execution = worker.startExecution({ task, executionId: `${process.pid}-${i}` })
  execution.end('succeeded', { memoryBytes: 1e6, durationMs: 1 }, 'external')
  writeSync(1, `${execution.executionId}\n`)
  await new Promise((resolve) => setTimeout(resolve, 25))
}
