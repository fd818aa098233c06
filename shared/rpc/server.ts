import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { HealthImplementation } from 'grpc-health-check'
import { ConfigError } from '../runtime/config-error.ts'
import type { HeldBytes } from '../runtime/held-bytes.ts'
import type { Log } from '../runtime/log.ts'
import type { Tracing } from '../runtime/tracing.ts'
import { version } from '../runtime/version.ts'
import { certificateExpiryUnixSeconds, type ServerTls, serverTlsCredentials } from './certificates.ts'
import { dropEndlessTimeouts } from './endless-timeout.ts'
import { createGuard, type GuardSettings, type ServerInfo } from './guard.ts'
import { isLoopback, splitAddress, startListener } from './listener.ts'
import { addReflection } from './reflection.ts'
import { requestReaders, withEncodedRequests } from './request-reader.ts'

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
  /** Bytes that this process holds for others: calls and unfinished messages count too. */
  readonly held: HeldBytes
  /** Plain text where unset. */
  readonly tls?: ServerTls
  /** Who may call what. */
  readonly access?: GuardSettings
  /** What `foresize doctor` is told beside version and time, for example of the store. */
  readonly info?: ServerInfo
  /** Spans of the calls taken in; none where unset. */
  readonly tracing?: Tracing | undefined
  /** A second address with health only, in plain text: a kubelet's gRPC probes speak no TLS. */
  readonly healthListen?: string | undefined
  /** Listen beyond this host without TLS, or without tokens and client certificates. Default false. */
  readonly insecureBind?: boolean | undefined
  /** Default 5000. */
  readonly maxConnections?: number | undefined
  /** Default 1000. */
  readonly maxConnectionsPerPeer?: number | undefined
  /** A connection is asked to reconnect after so long, give or take a tenth, so that load spreads. Default unlimited. */
  readonly maxConnectionAgeMs?: number | undefined
  /** Time for its calls to finish then. Default 30,000. */
  readonly maxConnectionAgeGraceMs?: number | undefined
  readonly log: Log
}

export interface RpcServer {
  /** Where it listens, with the port that was picked. */
  readonly address: string
  /** Where health alone is served. */
  readonly healthAddress: string | undefined
  /** What health says, of the service and of the whole server. */
  setServing(serving: boolean): void
  /** Health says NOT_SERVING, no new calls, those under way may finish until the deadline, then they are cut. */
  drain(deadlineMs: number): Promise<void>
  figures(): RpcServerFigures
}

export interface RpcServerFigures {
  readonly connections: number
  readonly turnedAwayConnections: number
  /** Calls that ended, by path and status. */
  readonly calls: ReadonlyMap<string, ReadonlyMap<status, number>>
  /** When the certificate that is served ends, in Unix seconds; undefined in plain text. */
  readonly certificateExpiryUnixSeconds: number | undefined
  /** Calls refused by the guard, by status. */
  readonly refusals: ReadonlyMap<status, number>
  /** Bytes that the process holds for others. */
  readonly heldBytes: number
}

/** Health of the process itself: SERVING as long as it answers. For liveness, which must not depend on a store. */
export const livenessService = 'liveness'

/**
 * Binds one service with health and reflection.
 * Throws: ForesizeError `unavailable` where the address cannot be bound; ConfigError where it must not be, or where
 * certificates or tokens cannot be used.
 */
export async function startRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  const { serviceName, tls, access = {}, log, healthListen } = options
  requireSafeBind(options)
  const credentials =
    tls === undefined
      ? ServerCredentials.createInsecure()
      : serverTlsCredentials(tls, { log, reloadMs: access.reloadMs })
  const keepTimeouts = dropEndlessTimeouts()
  const guard = createGuard(access, log, {
    tracing: options.tracing,
    held: options.held,
    readers: requestReaders(options.definition, serviceName),
    info: () => ({ ...options.info, version, 'time-unix-ms': String(Date.now()) }),
  })
  const server = new Server({
    interceptors: [guard.interceptor],
    'grpc.max_receive_message_length': options.maxMessageBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': options.maxConcurrentStreams,
    ...(options.maxConnectionAgeMs === undefined
      ? {}
      : {
          'grpc.max_connection_age_ms': options.maxConnectionAgeMs,
          'grpc.max_connection_age_grace_ms': options.maxConnectionAgeGraceMs ?? 30_000,
        }),
  })
  const health = new HealthImplementation({
    '': 'NOT_SERVING',
    [serviceName]: 'NOT_SERVING',
    [livenessService]: 'SERVING',
  })
  const setServing = (serving: boolean) => {
    for (const name of ['', serviceName]) health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING')
  }
  server.addService(withEncodedRequests(options.definition), options.implementation)
  health.addToServer(server)
  addReflection(server, serviceName)

  const connectionLimits = {
    maxConnections: options.maxConnections ?? 5000,
    maxConnectionsPerPeer: options.maxConnectionsPerPeer ?? 1000,
    log,
  }
  const injector = server.createConnectionInjector(credentials)
  const listener = await startListener({ ...connectionLimits, listen: options.listen }, (socket) =>
    injector.injectConnection(socket),
  )
  const healthOnly = healthListen
    ? await serveHealth(healthListen, health, connectionLimits).catch((error: unknown) => {
        void listener.close()
        guard.close()
        keepTimeouts()
        throw error
      })
    : undefined

  return {
    address: listener.address,
    healthAddress: healthOnly?.address,
    setServing,
    figures: () => ({
      connections: listener.connections(),
      turnedAwayConnections: listener.turnedAway(),
      calls: guard.calls(),
      certificateExpiryUnixSeconds: tls && certificateExpiryUnixSeconds(tls.certFile),
      refusals: guard.refusals(),
      heldBytes: options.held.held(),
    }),
    async drain(deadlineMs) {
      setServing(false)
      let timer: NodeJS.Timeout | undefined
      // grpc-js does not wait for connections that it did not accept itself; the listener does.
      const gentle = listener.close()
      server.tryShutdown(() => {})
      const forced = new Promise<void>((resolve) => {
        timer = setTimeout(() => {
          log.warn({ deadlineMs }, 'calls were cut at the drain deadline')
          server.forceShutdown()
          resolve()
        }, deadlineMs)
      })
      await Promise.race([gentle, forced])
      clearTimeout(timer)
      guard.close()
      keepTimeouts()
      await healthOnly?.close()
    },
  }
}

/** A name. */
const maxHealthMessageBytes = 4096

async function serveHealth(
  listen: string,
  health: HealthImplementation,
  limits: Pick<RpcServerOptions, 'log'> & {
    readonly maxConnections: number
    readonly maxConnectionsPerPeer: number
  },
): Promise<{ readonly address: string; close(): Promise<void> }> {
  const server = new Server({ 'grpc.max_receive_message_length': maxHealthMessageBytes })
  health.addToServer(server)
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  const { address, close } = await startListener({ ...limits, listen }, (socket) =>
    injector.injectConnection(socket),
  )
  return {
    address,
    close() {
      const closed = close()
      server.forceShutdown()
      return closed
    },
  }
}

function requireSafeBind({ listen, tls, access, insecureBind }: RpcServerOptions): void {
  if (insecureBind === true || isLoopback(splitAddress(listen).host)) return
  if (tls === undefined) {
    throw new ConfigError(
      `--listen ${listen} reaches beyond this host without TLS: set --tls-cert-file and --tls-key-file, or --insecure-bind true`,
    )
  }
  if (access?.tokensFile === undefined && tls.clientCaFile === undefined) {
    throw new ConfigError(
      `--listen ${listen} reaches beyond this host without authentication: set --tokens-file or --tls-client-ca-file, or --insecure-bind true`,
    )
  }
}
