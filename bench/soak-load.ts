import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { credentials, type ServiceError, status } from '@grpc/grpc-js'
import { clientOptions } from '../shared/rpc/client.ts'
import {
  ProfilerServiceClient,
  type StreamUsageResponse,
} from '../shared/wire/gen/foresize/v1/profiler_service.ts'
import { executionsPerBatch, wholeExecutions } from './ingest.ts'

/**
 * A process that reports whole executions over four sessions, at so many a second, or as fast as they are stored. Tells its
 * parent every second how many were stored so far. Arguments: address, executions a second (0: as fast as can be).
 */
const [address = '', rateText = '0'] = process.argv.slice(2)
const perSecond = Number(rateText)
const sessions = 4
/** Batches of one session sent and not yet acknowledged. */
const unacknowledged = 16
/** A session ends and another begins after so many batches. */
const batchesPerSession = 2000

const client = new ProfilerServiceClient(address, credentials.createInsecure(), clientOptions)
const beganMs = performance.now()
let sent = 0
let stored = 0

/** Resolves when the next batch is due; however late, none is left out. */
async function due(): Promise<void> {
  if (perSecond === 0) return
  const dueMs = beganMs + (1000 * sent * executionsPerBatch) / perSecond
  const waitMs = dueMs - performance.now()
  if (waitMs > 0) await sleep(waitMs)
}

async function session(name: string): Promise<void> {
  const call = client.streamUsage()
  let acknowledged = 0
  let progressed = Promise.withResolvers<void>()
  call.on('data', ({ message }: StreamUsageResponse) => {
    if (message?.$case !== 'acknowledgement') return
    stored += (message.value.durableSequence - acknowledged) * executionsPerBatch
    acknowledged = message.value.durableSequence
    progressed.resolve()
    progressed = Promise.withResolvers()
  })
  const ended = once(call, 'end')
  ended.catch(() => undefined)
  call.write({ message: { $case: 'open', value: { sessionId: name, client: 'soak' } } })
  for (let sequence = 1; sequence <= batchesPerSession; sequence++) {
    while (sequence - acknowledged > unacknowledged) await Promise.race([progressed.promise, ended])
    await due()
    sent += 1
    call.write({ message: { $case: 'batch', value: wholeExecutions(name, sequence) } })
  }
  call.end()
  await ended
}

/** A server cuts connections of a certain age: what was under way then is left, and the next session takes another. */
async function lane(index: number): Promise<void> {
  for (let round = 0; ; round++) {
    await session(`soak-${process.pid}-${index}-${round}`).catch((error: ServiceError) => {
      if (error.code !== status.UNAVAILABLE) throw error
      process.stderr.write(`a session was cut: ${error.details}\n`)
    })
  }
}

setInterval(() => process.send?.(stored), 1000)
// Nobody is left to load for.
process.on('disconnect', () => process.exit(0))
await Promise.all(Array.from({ length: sessions }, (_, index) => lane(index)))
