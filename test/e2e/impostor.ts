import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import {
  type EstimatorServiceServer,
  EstimatorServiceService,
} from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import {
  ProfilerServiceService,
  type StreamUsageRequest,
  type StreamUsageResponse,
} from '../../shared/wire/gen/foresize/v1/profiler_service.ts'

/** Servers that do what no real one does: to see what clients make of it. */

export interface Impostor {
  readonly address: string
  stop(): void
}

export type UsageStream = ServerDuplexStream<StreamUsageRequest, StreamUsageResponse>

/** A profiler that has only StreamUsage, as `serve` plays it. */
export const profilerImpostor = (serve: (stream: UsageStream) => void): Promise<Impostor> =>
  serveOn(ProfilerServiceService, {
    streamUsage: (stream: UsageStream) => {
      stream.on('error', () => {})
      serve(stream)
    },
  })

export const estimatorImpostor = (
  calls: Partial<Pick<EstimatorServiceServer, 'estimate' | 'estimateBatch'>>,
): Promise<Impostor> => serveOn(EstimatorServiceService, calls as UntypedServiceImplementation)

async function serveOn(
  definition: ServiceDefinition,
  calls: UntypedServiceImplementation,
): Promise<Impostor> {
  const server = new Server()
  server.addService(definition, calls)
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound)
      else reject(error)
    })
  })
  return { address: `127.0.0.1:${port}`, stop: () => server.forceShutdown() }
}

export const opened = (durableSequence: number): StreamUsageResponse => ({
  message: {
    $case: 'opened',
    value: {
      durableSequence,
      durability: 1,
      defaultLeaseMs: 1000,
      maxUnacknowledgedBatches: 64,
      maxOpenExecutions: 0,
    },
  },
})

export const acknowledged = (durableSequence: number): StreamUsageResponse => ({
  message: { $case: 'acknowledgement', value: { durableSequence } },
})
