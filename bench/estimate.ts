import { setTimeout as sleep } from 'node:timers/promises'
import { credentials } from '@grpc/grpc-js'
import { call, clientOptions } from '../shared/rpc/client.ts'
import {
  EstimateBatchResponse,
  EstimateQuery,
  EstimateResponse,
  EstimatorServiceClient,
} from '../shared/wire/gen/foresize/v1/estimator_service.ts'
import { ExecutionRecord } from '../shared/wire/gen/foresize/v1/execution.ts'
import { ProfilerServiceClient } from '../shared/wire/gen/foresize/v1/profiler_service.ts'
import { alternate, type Bench, type BenchOptions, type Comparison } from './bench.ts'
import { closedLoop } from './load.ts'
import { type ServerProcess, startEcho, startPair } from './server-process.ts'

const tasks = 100
const executionsPerTask = 96
export const queriesPerBatch = 100
const inFlight = 32
const deadlineMs = 30_000

const taskOf = (index: number) => ({ namespace: 'bench', task: `task-${index % tasks}` })

/** Memory grows with the input; the same sequence at every run. */
function recordOf(index: number): ExecutionRecord {
  const inputBytes = 1e8 * (1 + ((index * 7919) % 97))
  return ExecutionRecord.fromPartial({
    executionId: `bench-${index}`,
    task: taskOf(index),
    features: { input_bytes: inputBytes },
    labels: { tool: `tool-${index % 7}` },
    allocated: { cpuCores: 2, memoryBytes: 64e9 },
    used: { cpuCores: 1.2, memoryBytes: 2e8 + inputBytes * 1.5, durationMs: 1000 + inputBytes / 1e6 },
    outcome: 1,
    source: 1,
  })
}

const sizes = 97

/** A query as of `recordOf`: the first tasks × sizes of them are all there are. */
export const knownQuery = (index: number) => queryOf(index, 1e8 * (1 + ((index * 104_729) % sizes)))

let sizesAsked = 0

/** A query that was never asked before. */
export const newQuery = (index: number) => queryOf(index, 1e8 + 1000 * sizesAsked++)

const queryOf = (index: number, inputBytes: number) =>
  EstimateQuery.fromPartial({
    task: taskOf(index),
    features: { input_bytes: inputBytes },
    labels: { tool: `tool-${(index % tasks) % 7}` },
    attempt: 1,
  })

const clientOf = (address: string) =>
  new EstimatorServiceClient(address, credentials.createInsecure(), clientOptions)

/**
 * Estimate and EstimateBatch of tasks that the estimator knows well: of queries that it has answered before, which come
 * from its memory, and of queries that are new to it, each of which it works out.
 */
export const estimateBench: Bench = {
  summary: 'Estimate, and EstimateBatch of 100 queries, of tasks with 96 executions each',
  async run(options) {
    const pair = await startPair('memory')
    try {
      await teach(pair.profiler.address)
      const client = clientOf(pair.estimator.address)
      await learned(client)
      const canned = {
        estimate: EstimateResponse.encode(await estimate(knownQuery)(client, 0)).finish(),
        estimateBatch: EstimateBatchResponse.encode(await estimateBatch(knownQuery)(client, 0)).finish(),
      }
      // Twice: an answer is kept from the second time on.
      for (let index = 0; index < 2 * tasks * sizes; index += queriesPerBatch) {
        await estimateBatch(knownQuery)(client, index)
      }
      client.close()
      const echo = await startEcho(canned)
      const compared = (name: string, operationsPerCall: number, ask: Ask) =>
        compare(name, options, echo, pair.estimator, operationsPerCall, ask)
      try {
        return [
          await compared('Estimate', 1, estimate(knownQuery)),
          await compared('EstimateBatch', queriesPerBatch, estimateBatch(knownQuery)),
          await compared('Estimate, new queries', 1, estimate(newQuery)),
          await compared('EstimateBatch, new queries', queriesPerBatch, estimateBatch(newQuery)),
        ]
      } finally {
        await echo.stop()
      }
    } finally {
      await pair.stop()
    }
  },
}

export async function compare(
  name: string,
  options: BenchOptions,
  echo: ServerProcess,
  estimator: ServerProcess,
  operationsPerCall: number,
  ask: Ask,
): Promise<Comparison> {
  const load = async (server: ServerProcess) => {
    const client = clientOf(server.address)
    let index = 0
    const run = await closedLoop(
      server,
      { inFlight: operationsPerCall === 1 ? inFlight : 4, runMs: options.runMs, operationsPerCall },
      async () => {
        await ask(client, index)
        index += operationsPerCall
      },
    )
    client.close()
    return run
  }
  return alternate(
    name,
    'estimates',
    options,
    () => load(echo),
    () => load(estimator),
  )
}

type Ask = (client: EstimatorServiceClient, index: number) => Promise<unknown>

type QueryOf = (index: number) => EstimateQuery

export const estimate = (query: QueryOf) => (client: EstimatorServiceClient, index: number) =>
  call(client.estimate.bind(client), { query: query(index) }, deadlineMs)

export const estimateBatch = (query: QueryOf) => (client: EstimatorServiceClient, index: number) => {
  const queries = Array.from({ length: queriesPerBatch }, (_, i) => query(index + i))
  return call(client.estimateBatch.bind(client), { queries }, deadlineMs)
}

export async function teach(address: string): Promise<void> {
  const client = new ProfilerServiceClient(address, credentials.createInsecure(), clientOptions)
  const total = tasks * executionsPerTask
  for (let from = 0; from < total; from += 800) {
    const executions = Array.from({ length: 800 }, (_, i) => recordOf(from + i))
    const { folded } = await call(client.updateProfile.bind(client), { executions }, deadlineMs)
    if (folded !== 800) throw new Error(`only ${folded} of 800 executions were folded`)
  }
  client.close()
}

/** Asks until every task is answered from all of its executions: the replica has caught up, the models are fitted. */
export async function learned(client: EstimatorServiceClient): Promise<void> {
  for (let index = 0; index < tasks; ) {
    const { estimate: answer } = await estimate(knownQuery)(client, index)
    if (answer?.executions === executionsPerTask) index++
    else await sleep(50)
  }
}
