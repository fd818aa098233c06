import { handlers } from '../../shared/rpc/handlers.ts'
import { type RpcServer, startRpcServer } from '../../shared/rpc/server.ts'
import { rpcOptions, tracingOf } from '../../shared/rpc/settings.ts'
import { type Clock, followingClock } from '../../shared/runtime/clock.ts'
import { heldBytes } from '../../shared/runtime/held-bytes.ts'
import type { Lifecycle } from '../../shared/runtime/lifecycle.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { processMetrics } from '../../shared/runtime/metrics.ts'
import { startMonitoring } from '../../shared/runtime/processes.ts'
import type { ProfilerConfig } from './config.ts'
import { defaultFoldSettings } from './domain/fold.ts'
import { defaultSamplingSettings } from './domain/sampling.ts'
import { ingestion } from './ingestion.ts'
import { profilerFigures, profilerMetrics } from './metrics.ts'
import { readiness } from './readiness.ts'
import { profilerRpc } from './rpc.ts'
import type { ProfileStore } from './store.ts'
import { stores } from './stores/index.ts'
import { taskRates } from './task-rates.ts'
import { upkeep } from './upkeep.ts'
import { profilerDefinition } from './watch-bytes.ts'

const isWell = (store: ProfileStore) =>
  store.check().then(
    () => true,
    () => false,
  )

/** Opens the store, takes up what a process before it left, serves, and tells `lifecycle` how all that stops. */
export async function startProfiler(
  config: ProfilerConfig,
  ownClock: Clock,
  log: Log,
  lifecycle: Lifecycle,
): Promise<RpcServer> {
  const clock = followingClock(ownClock)
  const registry = processMetrics()
  const metrics = profilerMetrics(registry, clock.monotonicMs)
  const tracing = await tracingOf(config, 'foresize-profiler', lifecycle)
  let isServing = false
  const monitoring = await startMonitoring({
    listen: config.metricsListen,
    registry,
    isHealthy: () => isServing,
    log,
  })
  lifecycle.onStop('metrics', () => monitoring?.close())

  const store = metrics.observedStore(await stores[config.store](config, clock, log))
  lifecycle.onStop('store', () => store.close())

  const settings = { ...defaultFoldSettings, ...config }
  const held = heldBytes(config)
  const intake = ingestion(store, clock, settings, log, held, metrics.observedCommitter)
  // A store that is away is asked again with every tick.
  await intake.refresh().catch((error: unknown) => log.warn({ err: error }, 'the store was not read'))
  const upkeepStop = new AbortController()
  const upkeepDone = upkeep(intake, store, config.profileTtlMs, clock, log, upkeepStop.signal)
  lifecycle.onStop('ingestion', async () => {
    upkeepStop.abort()
    await upkeepDone
    await intake.drain()
  })

  const stopping = new AbortController()
  const server = await startRpcServer({
    listen: config.listen,
    serviceName: 'foresize.v1.ProfilerService',
    definition: profilerDefinition,
    implementation: profilerRpc(handlers(log), {
      store,
      ingestion: intake,
      durability: store.durability,
      rates: taskRates({ ...defaultSamplingSettings, ...config }),
      openExecutionsOf: intake.openExecutionsOf,
      clock,
      stopping: stopping.signal,
      metrics,
      settings,
      unaryLeaseMs: config.unaryLeaseMs,
      maxWatchers: config.maxWatchers,
      watchIntervalMs: config.watchIntervalMs,
      maxHeldShare: config.maxHeldShare,
      held,
      log,
    }),
    maxMessageBytes: config.maxMessageBytes,
    maxConcurrentStreams: config.maxConcurrentStreams,
    ...rpcOptions(config),
    held,
    tracing,
    info: { store: config.store, durability: store.durability },
    log,
  })
  profilerFigures(registry, {
    ingestion: intake.figures,
    store: store.statistics,
    server: server.figures,
    isReady: () => isServing,
    limits: config,
  })
  lifecycle.onStop('server', () => {
    isServing = false
    server.setServing(false)
    stopping.abort()
    return server.drain(config.drainMs)
  })
  const setReady = (isReady: boolean) => {
    if (stopping.signal.aborted) return
    isServing = isReady
    server.setServing(isReady)
  }
  setReady(await isWell(store))
  void readiness(store, setReady, clock, log, stopping.signal)
  log.info({ address: server.address, store: config.store, durability: store.durability }, 'serving')
  return server
}
