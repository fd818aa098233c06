import { status } from '@grpc/grpc-js'
import { statusOf } from '../../shared/rpc/client.ts'
import { handlers } from '../../shared/rpc/handlers.ts'
import { startRpcServer } from '../../shared/rpc/server.ts'
import { rpcOptions, tracingOf } from '../../shared/rpc/settings.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import { heldBytes } from '../../shared/runtime/held-bytes.ts'
import type { Lifecycle } from '../../shared/runtime/lifecycle.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { processMetrics } from '../../shared/runtime/metrics.ts'
import { startMonitoring } from '../../shared/runtime/processes.ts'
import { createBreakers } from './breaker.ts'
import { answerSettings, breakerSettings, type EstimatorConfig, profilerClient } from './config.ts'
import type { Registry } from './domain/strategies/strategy.ts'
import { estimatorDefinition } from './estimate-bytes.ts'
import { createEstimator } from './estimator.ts'
import { experimenting } from './experiment.ts'
import { experimentOf } from './experiment-config.ts'
import { learnedProfiles } from './learned-profiles.ts'
import { estimatorFigures, observedEstimator } from './metrics.ts'
import { grpcProfileSource } from './profile-source.ts'
import { startReplica } from './replica.ts'
import { estimatorRpc } from './rpc.ts'
import { withWrappedTasks } from './wrapped-tasks.ts'

export interface EstimatorServiceParts {
  /** The strategies that estimates are made with. */
  readonly registry: Registry
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  /** What is started stops with it, in reverse. */
  readonly lifecycle: Lifecycle
}

/**
 * Starts the service and answers where it listens. Serves at once: without a profiler its answers come from what the
 * query says and from the defaults, and say so.
 */
export async function startEstimatorService(
  config: EstimatorConfig,
  { registry, clock, random, log, lifecycle }: EstimatorServiceParts,
): Promise<{ readonly address: string }> {
  const { monotonicMs } = clock
  const metrics = processMetrics()
  const tracing = await tracingOf(config, 'foresize-estimator', lifecycle)
  let isServing = false
  const monitoring = await startMonitoring({
    listen: config.metricsListen,
    registry: metrics,
    isHealthy: () => isServing,
    log,
  })
  lifecycle.onStop('metrics', () => monitoring?.close())

  const breakers = createBreakers(breakerSettings(config), { monotonicMs, log })
  lifecycle.onStop('breakers', breakers.close)

  const source = grpcProfileSource(profilerClient(config), config.namespaces)
  lifecycle.onStop('profiler channel', source.close)

  const held = heldBytes(config)
  const breaker = breakers.remote('profiler/get', (error) => statusOf(error) !== status.NOT_FOUND)
  const replica = startReplica(
    {
      maxProfiles: config.replicaMaxProfiles,
      maxBytes: config.replicaMaxBytes,
      maxMissing: config.replicaMaxMissing,
      maxNamesCompared: config.maxNamesCompared,
      maxFetches: config.maxFetches,
      fetchDeadlineMs: config.fetchDeadlineMs,
      backoffMinMs: config.backoffMinMs,
      backoffMaxMs: config.backoffMaxMs,
    },
    { source, breaker, clock, held, random, log },
  )
  lifecycle.onStop('replica', replica.close)

  const learned = learnedProfiles(config, { breakers, registry, monotonicMs, log })
  const plain = createEstimator(
    {
      ...answerSettings(config, registry),
      cohortLabels: config.cohortLabels,
      predictBudgetMs: config.predictBudgetMs,
      maxAnswers: config.maxAnswers,
      staleAfterMs: config.staleAfterMs,
    },
    { replica, learned, breakers, monotonicMs, log },
  )
  const arms = experimenting(plain, experimentOf(config, registry))
  const wrapped = withWrappedTasks(arms, { memoryBytes: config.overheadMemoryBytes })
  const estimator = observedEstimator(wrapped, metrics, monotonicMs)

  const server = await startRpcServer({
    listen: config.listen,
    serviceName: 'foresize.v1.EstimatorService',
    definition: estimatorDefinition,
    implementation: estimatorRpc(estimator, Object.keys(registry), handlers(log)),
    maxMessageBytes: config.maxMessageBytes,
    maxConcurrentStreams: config.maxConcurrentStreams,
    ...rpcOptions(config),
    held,
    tracing,
    log,
  })
  estimatorFigures(metrics, {
    replica,
    breakers,
    strategies: Object.keys(registry),
    profilerBreaker: breaker,
    limits: config,
    server: server.figures,
  })
  lifecycle.onStop('server', () => {
    isServing = false
    return server.drain(config.drainMs)
  })
  server.setServing(true)
  isServing = true
  log.info({ address: server.address, profiler: config.profiler }, 'serving')
  return { address: server.address }
}
