import { Code, ConnectError, createConnectRouter } from '@connectrpc/connect'
import { compressionGzip } from '@connectrpc/connect-node'
import { contractRegistry } from '../../shared/rpc/contract.ts'
import { startHttpServer } from '../../shared/rpc/http-server.ts'
import { isLoopback, splitAddress } from '../../shared/rpc/listener.ts'
import { serverTlsOf, tracingOf } from '../../shared/rpc/settings.ts'
import { heldBytes } from '../../shared/runtime/held-bytes.ts'
import type { Lifecycle } from '../../shared/runtime/lifecycle.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { processMetrics, startMetricsServer } from '../../shared/runtime/metrics.ts'
import { admittedCall, createAdmission } from './admission.ts'
import {
  type GatewayConfig,
  isConsoleSafe,
  mustAskForTokens,
  requireSafeListen,
  upstreamSettings,
} from './config.ts'
import { builtConsole, readConsole } from './console-files.ts'
import { addHealth } from './health.ts'
import { gatewayCounts, gatewayFigures } from './metrics.ts'
import { observedUpstream } from './observed-upstream.ts'
import { requestHandler } from './request-handler.ts'
import { addRoutes, type Route, serviceOf, unaryMethodOf } from './routes.ts'
import { openUpstream } from './upstream.ts'
import { followHealth } from './upstream-health.ts'

export interface GatewayParts {
  readonly log: Log
  /** What is started stops with it, in reverse. */
  readonly lifecycle: Lifecycle
}

/** The services of the contract, each with a method that it refuses without a token, where it has tokens. */
const served = [
  { name: 'profiler', typeName: 'foresize.v1.ProfilerService', guarded: 'GetProfile' },
  { name: 'estimator', typeName: 'foresize.v1.EstimatorService', guarded: 'GetAccuracy' },
] as const

/**
 * Starts the gateway and answers where it listens. It is ready while the estimator serves: what has to be answered in
 * time is answered there, and what is reported to a profiler that is away is reported again.
 */
export async function startGateway(
  config: GatewayConfig,
  { log, lifecycle }: GatewayParts,
): Promise<{ readonly address: string; readonly metricsAddress: string | undefined }> {
  requireSafeListen(config)
  const tls = serverTlsOf(config)
  const metrics = processMetrics()
  const counts = gatewayCounts(metrics)
  const tracing = await tracingOf(config, 'foresize-gateway', lifecycle)
  let isStarted = false
  const isReady = () => isStarted && health.isServing('estimator')
  const monitoring = { listen: config.metricsListen, registry: metrics, isHealthy: () => isReady(), log }
  const metricsServer = await startMetricsServer(monitoring)
  lifecycle.onStop('metrics', () => metricsServer?.close())

  const registry = contractRegistry()
  const healthService = serviceOf(registry, 'grpc.health.v1.Health')
  const services = served.map(({ name, typeName, guarded }) => {
    const service = serviceOf(registry, typeName)
    const upstream = openUpstream(name, upstreamSettings(config, name))
    lifecycle.onStop(`${name} channel`, upstream.close)
    const method = mustAskForTokens(config) ? unaryMethodOf(service, guarded) : undefined
    return { name, service, upstream, guarded: method }
  })
  const health = await followHealth(services, {
    check: unaryMethodOf(healthService, 'Check'),
    intervalMs: config.healthIntervalMs,
    log,
  })
  lifecycle.onStop('health of the services', health.close)
  const observers = { require: health.requireGuarded, onEnd: counts.onEnd, tracing }
  const routes: readonly Route[] = services.map(({ service, upstream }) => ({
    service,
    upstream: observedUpstream(upstream, observers),
  }))

  const held = heldBytes(config)
  const admission = createAdmission(config, held)
  const stopping = new AbortController()
  const router = createConnectRouter({
    grpc: false,
    // What is packed so is unpacked before it; what is packed otherwise it refuses.
    acceptCompression: [compressionGzip],
    jsonOptions: { registry },
    requestGate: (context) => context.values.get(admittedCall)?.admit(),
  })
  addRoutes(router, routes, config, stopping.signal)
  addHealth(router, healthService, (name) => {
    if (name === '') return isReady()
    const found = services.find(({ service }) => service.typeName === name)
    return found && health.isServing(found.name)
  })

  const server = await startHttpServer(
    { ...config, tls, log },
    requestHandler({
      router,
      admission,
      corsOrigins: config.corsOrigins,
      allowedHosts: isLoopback(splitAddress(config.listen).host) ? config.allowedHosts : undefined,
      maxMessageBytes: config.maxMessageBytes,
      registry,
      sendTimeoutMs: config.sendTimeoutMs,
      console: config.console
        ? { files: readConsole(builtConsole), isSafe: isConsoleSafe(config) }
        : undefined,
      isHealthy: isReady,
      onResponse: counts.onResponse,
      log,
    }),
  )
  gatewayFigures(metrics, {
    counts,
    connections: server.connections,
    turnedAway: server.turnedAway,
    openCalls: admission.calls,
    refusedCalls: admission.refused,
    heldBytes: held.held,
    tlsCertFile: config.tlsCertFile,
    services: services.map(({ name }) => name),
    isServing: health.isServing,
  })
  lifecycle.onStop('server', () => {
    isStarted = false
    stopping.abort(new ConnectError('the gateway is stopping', Code.Unavailable))
    return server.drain(config.drainMs)
  })
  isStarted = true
  log.info({ address: server.address, profiler: config.profiler, estimator: config.estimator }, 'serving')
  return { address: server.address, metricsAddress: metricsServer?.address }
}
