import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js'
import { startRpcServer } from '../shared/rpc/server.ts'
import { heldBytes } from '../shared/runtime/held-bytes.ts'
import { createLog } from '../shared/runtime/log.ts'
import {
  EstimateBatchResponse,
  EstimateResponse,
  type EstimatorServiceServer,
  EstimatorServiceService,
} from '../shared/wire/gen/foresize/v1/estimator_service.ts'
import {
  type ProfilerServiceServer,
  ProfilerServiceService,
} from '../shared/wire/gen/foresize/v1/profiler_service.ts'

/** Answers of the real services, in their bytes: what the echo server says to everything. */
export interface Canned {
  readonly estimate: Uint8Array
  readonly estimateBatch: Uint8Array
  /** Served as our services are, behind the guard and with bounded requests; by grpc-js alone where unset. */
  readonly behindGuard?: Served
}

/** One service a server, as ours are. */
export type Served = 'profiler' | 'estimator'

/**
 * The yardstick: a server of grpc-js alone that decodes each request, does nothing with it, and encodes an answer of
 * the same shape as the real service's.
 */
process.once('message', async ({ estimate, estimateBatch, behindGuard }: Canned) => {
  const estimateResponse = EstimateResponse.decode(estimate)
  const batchResponse = EstimateBatchResponse.decode(estimateBatch)
  const estimator: Pick<EstimatorServiceServer, 'estimate' | 'estimateBatch'> = {
    estimate: (_, callback) => callback(null, estimateResponse),
    estimateBatch: (_, callback) => callback(null, batchResponse),
  }
  const profiler: Pick<ProfilerServiceServer, 'streamUsage'> = {
    streamUsage(call) {
      call.on('data', ({ message }: { message?: { $case: string; value: { sequence?: number } } }) => {
        const durableSequence = message?.value.sequence ?? 0
        call.write({
          message:
            message?.$case === 'open'
              ? {
                  $case: 'opened',
                  value: {
                    durableSequence,
                    durability: 1,
                    defaultLeaseMs: 300_000,
                    maxUnacknowledgedBatches: 64,
                    maxOpenExecutions: 0,
                  },
                }
              : { $case: 'acknowledgement', value: { durableSequence } },
        })
      })
      call.on('end', () => call.end())
    },
  }
  if (behindGuard !== undefined) {
    const { address } = await startRpcServer({
      listen: '127.0.0.1:0',
      maxMessageBytes: 4_194_304,
      maxConcurrentStreams: 1000,
      held: heldBytes({ maxHeldBytes: 268_435_456, maxHeldShare: 0.5 }),
      log: createLog('echo', 'warn'),
      ...(behindGuard === 'profiler'
        ? {
            serviceName: 'foresize.v1.ProfilerService',
            definition: ProfilerServiceService,
            implementation: profiler as UntypedServiceImplementation,
          }
        : {
            serviceName: 'foresize.v1.EstimatorService',
            definition: EstimatorServiceService,
            implementation: estimator as UntypedServiceImplementation,
          }),
    })
    process.send?.(address)
    return
  }
  const server = new Server({ 'grpc.max_send_message_length': -1 })
  server.addService(EstimatorServiceService, estimator as UntypedServiceImplementation)
  server.addService(ProfilerServiceService, profiler as UntypedServiceImplementation)
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) throw error
    process.send?.(`127.0.0.1:${port}`)
  })
})

process.on('SIGTERM', () => process.exit(0))
process.on('disconnect', () => process.exit(0))
