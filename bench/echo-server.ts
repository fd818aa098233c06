import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js'
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
}

/**
 * The yardstick: a server of grpc-js alone that decodes each request, does nothing with it, and encodes an answer of
 * the same shape as the real service's.
 */
process.once('message', ({ estimate, estimateBatch }: Canned) => {
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
