import { Code, ConnectError, createConnectRouter } from '@connectrpc/connect'
import { compressionGzip } from '@connectrpc/connect-node'
import { contractRegistry } from '../../shared/rpc/contract.ts'
import { isLoopback, splitAddress } from '../../shared/rpc/listener.ts'
import { serverTlsOf, tracingOf } from '../../shared/rpc/settings.ts'
import { heldBytes } from '../../shared/runtime/held-bytes.ts'
import type { Lifecycle } from '../../shared/runtime/lifecycle.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { processMetrics, startMetricsServer } from '../../shared/runtime/metrics.ts'
import { admittedCall, createAdmission } from './admission.ts'
import { type GatewayConfig, requireSafeListen, upstreamSettings } from './config.ts'
import { addHealth } from './health.ts'
import { startHttpServer } from './http-server.ts'
import { gatewayCounts, gatewayFigures } from './metrics.ts'
import { requestHandler } from './request-handler.ts'
import { addRoutes, type Route, serviceOf } from './routes.ts'
import { openUpstream } from './upstream.ts'
import { followHealth } from './upstream-health.ts'

export interface GatewayParts {
  readonly log: Log
  /** What is started stops with it, in reverse. */
  readonly lifecycle: Lifecycle
}

/**
 * Starts the gateway and answers where it listens. It is ready while the estimator serves: what has to be answered in
 * time is answered there, and what is reported to a profiler that is away is reported again.
 */
export async function startGateway(
  config: GatewayConfig,
  { log, lifecycle }: GatewayParts,
): Promise<{ readonly address: string }> {
  requireSafeListen(config)
  const tls = serverTlsOf(config)
  const metrics = processMetrics()
  const counts = gatewayCounts(metrics)
  const tracing = await tracingOf(config, 'foresize-gateway', lifecycle)
  let isStarted = false
  const isReady = () => isStarted && health.isServing('estimator')
  if (config.metricsListen !== '') {
    const options = { listen: config.metricsListen, registry: metrics, isHealthy: () => isReady(), log }
    const metricsServer = await startMetricsServer(options)
    lifecycle.onStop('metrics', () => metricsServer?.close())
  }

  const registry = contractRegistry()
  const routes: readonly Route[] = (['profiler', 'estimator'] as const).map((name) => {
    const upstream = openUpstream(name, upstreamSettings(config, name))
    lifecycle.onStop(`${name} channel`, upstream.close)
    const typeName = name === 'profiler' ? 'foresize.v1.ProfilerService' : 'foresize.v1.EstimatorService'
    return { service: serviceOf(registry, typeName), upstream }
  })
  const healthService = serviceOf(registry, 'grpc.health.v1.Health')
  const upstreams = routes.map(({ upstream }) => upstream)
  const health = await followHealth(upstreams, healthService, { intervalMs: config.healthIntervalMs, log })
  lifecycle.onStop('health of the services', health.close)

  const held = heldBytes(config)
  const admission = createAdmission(config, held)
  const stopping = new AbortController()
  const router = createConnectRouter({
    grpc: false,
    readMaxBytes: config.maxMessageBytes,
    acceptCompression: [compressionGzip],
    // A field that is misspelt is refused by its name, not ignored.
    jsonOptions: { ignoreUnknownFields: false, registry },
    requestGate: ({ values }) => values.get(admittedCall)?.admit(),
  })
  addRoutes(router, routes, {
    settings: config,
    stopping: stopping.signal,
    onEnd: counts.onEnd,
    tracing,
  })
  addHealth(router, healthService, (name) => {
    if (name === '') return isReady()
    const route = routes.find(({ service }) => service.typeName === name)
    return route && health.isServing(route.upstream.name)
  })

  const server = await startHttpServer(
    { ...config, tls, log },
    requestHandler({
      router,
      admission,
      corsOrigins: config.corsOrigins,
      allowedHosts: isLoopback(splitAddress(config.listen).host) ? config.allowedHosts : undefined,
      sendTimeoutMs: config.sendTimeoutMs,
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
    services: upstreams.map(({ name }) => name),
    isServing: health.isServing,
  })
  lifecycle.onStop('server', () => {
    isStarted = false
    stopping.abort(new ConnectError('the gateway is stopping', Code.Unavailable))
    return server.drain(config.drainMs)
  })
  isStarted = true
  log.info({ address: server.address, profiler: config.profiler, estimator: config.estimator }, 'serving')
  return { address: server.address }
}
