import { createInterface } from 'node:readline'
import { call, channelCredentials, clientOptions } from '../../../shared/rpc/client.ts'
import { EstimatorServiceClient } from '../../../shared/wire/gen/foresize/v1/estimator_service.ts'
import type { Execution, Worker, WorkerProblem } from '../../../workers/typescript/worker.ts'
import { createWorker } from '../../../workers/typescript/worker.ts'
import type { Operation } from '../vector.ts'

/** Does with the TypeScript SDK what the lines on standard input say; the protocol is in vector.ts. */
let worker: Worker | undefined
const executions = new Map<string, Execution>()
const problems: WorkerProblem[] = []

function theWorker(): Worker {
  if (worker === undefined) throw new Error('there is no worker yet')
  return worker
}

function* ids(id: string, count: number | undefined): Generator<string> {
  if (count === undefined) yield id
  for (let i = 0; i < (count ?? 0); i++) yield `${id}${i}`
}

function execution(id: string): Execution {
  const found = executions.get(id)
  if (found === undefined) throw new Error(`${id} was not started`)
  return found
}

async function perform(operation: Operation): Promise<unknown> {
  switch (operation.op) {
    case 'worker':
      worker = createWorker({ ...operation.options, onProblem: (problem) => void problems.push(problem) })
      return {}
    case 'start': {
      const { id, count, op: _, estimateToken, ...start } = operation
      const token = estimateToken === undefined ? {} : { estimateToken: Buffer.from(estimateToken, 'base64') }
      let recorded = 0
      for (const executionId of ids(id, count)) {
        const started = theWorker().startExecution({ ...start, ...token, executionId })
        if (started.isRecorded || !executions.has(executionId)) executions.set(executionId, started)
        if (started.isRecorded) recorded++
      }
      return { recorded }
    }
    case 'sample': {
      const { samples = 1, elapsedMs, peakAt, peakBytes, memoryBytes, cpuCores } = operation
      for (let i = 0; i < samples; i++) {
        for (const id of ids(operation.id, operation.count)) {
          const bytes = i === peakAt ? peakBytes : memoryBytes
          execution(id).sample({ elapsedMs: elapsedMs + i, memoryBytes: bytes, cpuCores })
        }
      }
      return {}
    }
    case 'end':
      for (const id of ids(operation.id, operation.count)) {
        execution(id).end(operation.outcome, operation.used, operation.source)
      }
      return {}
    case 'run': {
      const [command = '', ...args] = operation.command
      const running = theWorker().run({ task: operation.task, command, args, stdio: 'ignore' })
      const { outcome, used, source } = await running.done
      return { outcome, used, source }
    }
    case 'flush':
      return { durable: await theWorker().flush(operation.deadlineMs) }
    case 'statistics': {
      const { started, ended, rejected, unrecorded, disconnects, executions, thinnedSamples } =
        theWorker().statistics()
      return { started, ended, rejected, unrecorded, disconnects, executions, thinnedSamples }
    }
    case 'fields':
      return {
        fields: problems.flatMap((problem) =>
          problem.kind === 'rejected' ? problem.violations.map(({ field }) => field) : [],
        ),
      }
    case 'estimate': {
      const credentials = channelCredentials({ target: operation.target })
      const client = new EstimatorServiceClient(operation.target, credentials, clientOptions)
      const query = {
        task: { namespace: operation.namespace, task: operation.task },
        features: operation.features,
        labels: {},
        attempt: 1,
        previousOutcome: 0 as const,
        executionId: '',
        requested: undefined,
        previousAllocation: undefined,
        policy: undefined,
      }
      const { estimate } = await call(client.estimate.bind(client), { query }, 10_000)
      client.close()
      return {
        executions: estimate?.executions,
        memoryBytes: estimate?.resources?.memoryBytes,
        confidence: estimate?.confidence,
      }
    }
    case 'close':
      return { durable: await theWorker().close(operation.deadlineMs) }
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await perform(JSON.parse(line) as Operation).catch((error: Error) => ({
    error: error.message,
  }))
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
process.exit()
