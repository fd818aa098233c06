import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { ReflectionService } from '@grpc/reflection'
import { HealthImplementation, protoPath as healthProtoPath } from 'grpc-health-check'
import { ForesizeError } from '../domain/errors.ts'
import type { Log } from '../runtime/log.ts'

export interface RpcServerOptions {
  /** `host:port`; port 0 picks a free one. */
  readonly listen: string
  /** Full name of the service, for health. */
  readonly serviceName: string
  readonly definition: ServiceDefinition
  readonly implementation: UntypedServiceImplementation
  /** Largest message taken, in bytes. */
  readonly maxMessageBytes: number
  /** Streams at once on one connection. */
  readonly maxConcurrentStreams: number
  /** Both or neither: a PEM certificate chain and its key. */
  readonly tls?: {
    readonly certFile: string
    readonly keyFile: string
    readonly clientCaFile?: string | undefined
  }
  readonly log: Log
}

export interface RpcServer {
  /** Where it listens, with the port that was picked. */
  readonly address: string
  /** What health says, of the service and of the whole server. */
  setServing(serving: boolean): void
  /** Health says NOT_SERVING, no new calls, those under way may finish until the deadline, then they are cut. */
  drain(deadlineMs: number): Promise<void>
}

const protoDirectory = fileURLToPath(new URL('../../proto', import.meta.url))

/** Binds one service with health and reflection. Throws `unavailable` where the address cannot be bound. */
export async function startRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  const server = new Server({
    'grpc.max_receive_message_length': options.maxMessageBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': options.maxConcurrentStreams,
  })
  const health = new HealthImplementation({ '': 'NOT_SERVING', [options.serviceName]: 'NOT_SERVING' })
  const setServing = (serving: boolean) => {
    for (const name of ['', options.serviceName]) health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING')
  }
  server.addService(options.definition, options.implementation)
  health.addToServer(server)
  new ReflectionService(
    loadSync([`${serviceProto(options.serviceName)}`, healthProtoPath], {
      includeDirs: [protoDirectory],
      keepCase: true,
      longs: Number,
    }),
    { services: [options.serviceName, 'grpc.health.v1.Health'] },
  ).addToServer(server)

  const port = await bind(server, options)
  const address = `${options.listen.slice(0, options.listen.lastIndexOf(':'))}:${port}`

  return {
    address,
    setServing,
    async drain(deadlineMs) {
      setServing(false)
      let timer: NodeJS.Timeout | undefined
      const gentle = new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
      const forced = new Promise<void>((resolve) => {
        timer = setTimeout(() => {
          options.log.warn({ deadlineMs }, 'calls were cut at the drain deadline')
          server.forceShutdown()
          resolve()
        }, deadlineMs)
      })
      await Promise.race([gentle, forced])
      clearTimeout(timer)
    },
  }
}

/** `foresize.v1.ProfilerService` is in foresize/v1/profiler_service.proto. */
function serviceProto(serviceName: string): string {
  const parts = serviceName.split('.')
  const file = (parts.pop() ?? '').replace(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase()
  return `${parts.join('/')}/${file}.proto`
}

function bind(server: Server, { listen, tls }: RpcServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, credentials(tls), (error, port) => {
      if (error === null) resolve(port)
      else reject(new ForesizeError('unavailable', `cannot listen on ${listen}: ${error.message}`))
    })
  })
}

function credentials(tls: RpcServerOptions['tls']): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure()
  const clientCa = tls.clientCaFile === undefined ? null : readFileSync(tls.clientCaFile)
  return ServerCredentials.createSsl(
    clientCa,
    [{ cert_chain: readFileSync(tls.certFile), private_key: readFileSync(tls.keyFile) }],
    clientCa !== null,
  )
}
