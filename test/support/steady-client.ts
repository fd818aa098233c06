import { setTimeout as sleep } from 'node:timers/promises'
import { credentials } from '@grpc/grpc-js'
import {
  ProfilerServiceClient,
  type StreamUsageResponse,
  type UsageBatch,
} from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { wireEnd, wireStart } from './profiler-service.ts'

export interface SteadyClientOptions {
  /** Where to send; the next one after each failure. */
  readonly addresses: readonly string[]
  readonly sessionId: string
  readonly task: string
  readonly executionsPerBatch: number
  /** Batches sent and not yet acknowledged. */
  readonly window: number
}

/** A worker that never gives up, written against the contract alone: keeps what is not acknowledged, sends it again. */
export interface SteadyClient {
  /** Executions whose end was acknowledged. */
  acknowledged(): number
  /** Executions whose end was made. */
  made(): number
  /** Times that a stream ended. */
  failures(): number
  /** What the server refused: nothing, if both keep to the contract. */
  readonly refusals: readonly string[]
  /** Makes no more; resolves once all that was made is acknowledged. */
  finish(): Promise<void>
}

export function steadyClient(options: SteadyClientOptions): SteadyClient {
  const { addresses, sessionId, task, executionsPerBatch, window } = options
  let unacknowledged: UsageBatch[] = []
  let sequence = 0
  let acknowledgedEnds = 0
  let madeEnds = 0
  let failures = 0
  let isFinishing = false
  let isLastMade = false
  const refusals: string[] = []
  const isDone = () => isLastMade && unacknowledged.length === 0
  const mayMake = () => !isLastMade && unacknowledged.length < window

  const idsOf = (batch: number) =>
    Array.from({ length: executionsPerBatch }, (_, i) => `${sessionId}-${batch}-${i}`)

  /** Each batch begins some executions, samples them, and ends those of the batch before: some are always open. */
  function nextBatch(): UsageBatch {
    sequence += 1
    isLastMade = isFinishing
    const starts = isFinishing ? [] : idsOf(sequence)
    const ends = sequence > 1 ? idsOf(sequence - 1) : []
    madeEnds += ends.length
    return {
      sequence,
      starts: starts.map((id) => wireStart(id, { task: { task } })),
      samples: starts.map((executionId) => ({
        executionId,
        elapsedDeltaMs: [10],
        cpuCores: [1],
        memoryBytes: [1e6],
        diskBytes: [],
        gpuMemoryBytes: [],
      })),
      ends: ends.map((id) => wireEnd(id, { used: { memoryBytes: 2e6, durationMs: 20 } })),
    }
  }

  function acknowledge(durable: number): void {
    for (const batch of unacknowledged) if (batch.sequence <= durable) acknowledgedEnds += batch.ends.length
    unacknowledged = unacknowledged.filter((batch) => batch.sequence > durable)
  }

  /** One connection, until it fails or all is done. */
  async function connection(address: string): Promise<void> {
    const client = new ProfilerServiceClient(address, credentials.createInsecure(), {
      'grpc.initial_reconnect_backoff_ms': 20,
      'grpc.max_reconnect_backoff_ms': 100,
    })
    const call = client.streamUsage()
    let isOpen = false
    let hasEnded = false
    let written = 0
    let wake = () => {}
    call.on('data', ({ message }: StreamUsageResponse) => {
      if (message?.$case === 'opened') {
        acknowledge(message.value.durableSequence)
        isOpen = true
      } else if (message?.$case === 'acknowledgement') acknowledge(message.value.durableSequence)
      else if (message?.$case === 'rejection') refusals.push(JSON.stringify(message.value))
      wake()
    })
    const end = () => {
      hasEnded = true
      wake()
    }
    call.on('error', end)
    call.on('end', end)
    call.write({ message: { $case: 'open', value: { sessionId, client: 'steady' } } })
    try {
      while (!hasEnded) {
        if (isOpen) {
          if (isDone()) return
          if (mayMake()) unacknowledged.push(nextBatch())
          for (const batch of unacknowledged) {
            if (batch.sequence <= written) continue
            call.write({ message: { $case: 'batch', value: batch } })
            written = batch.sequence
          }
        }
        if (isOpen && mayMake()) await sleep(1)
        else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
      failures += 1
    } finally {
      call.cancel()
      client.close()
    }
  }

  const done = (async () => {
    for (let i = 0; !isDone(); i++) {
      await connection(addresses[i % addresses.length] as string)
      if (!isDone()) await sleep(200)
    }
  })()

  return {
    acknowledged: () => acknowledgedEnds,
    made: () => madeEnds,
    failures: () => failures,
    refusals,
    async finish() {
      isFinishing = true
      await done
    },
  }
}
