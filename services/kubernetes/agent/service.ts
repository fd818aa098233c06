import { setTimeout as sleep } from 'node:timers/promises'
import { channelCredentials, clientOptionsFor } from '../../../shared/rpc/client.ts'
import type { Clock } from '../../../shared/runtime/clock.ts'
import type { Lifecycle } from '../../../shared/runtime/lifecycle.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import { processMetrics, startMetricsServer } from '../../../shared/runtime/metrics.ts'
import { ProfilerServiceClient } from '../../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { createKubernetesApi } from '../api.ts'
import { modeLabel } from '../domain/names.ts'
import { namespacePolicyOf } from '../domain/namespace-policy.ts'
import type { ObjectMeta } from '../domain/pod.ts'
import { follow } from '../followed.ts'
import { cgroupFiles } from './cgroup-files.ts'
import { type AgentConfig, profilerClientSettings } from './config.ts'
import { measurements } from './measurements.ts'
import { agentFigures, sweepSeconds } from './metrics.ts'
import { reports } from './reports.ts'
import { type WatchedPods, watchPods } from './watched-pods.ts'

export interface AgentParts {
  readonly clock: Clock
  readonly log: Log
  /** What is started stops with it, in reverse. */
  readonly lifecycle: Lifecycle
}

/** Ticks at which cgroups may be read: the shortest time between two readings of one. */
const tickMs = 100

/** Measures what runs on this node. It is ready once it knows all Pods; without the profiler it holds what it would report. */
export async function startAgent(config: AgentConfig, { clock, log, lifecycle }: AgentParts): Promise<void> {
  const settings = profilerClientSettings(config)
  const sinceUnixMs = clock.nowUnixMs() - config.lateMs
  const registry = processMetrics()
  let pods: WatchedPods | undefined
  const isReady = () => pods?.isSynced() === true
  const monitoring = { listen: config.metricsListen, registry, isHealthy: isReady, log }
  const metricsServer = await startMetricsServer(monitoring)
  lifecycle.onStop('metrics', () => metricsServer?.close())

  const client = new ProfilerServiceClient(
    settings.target,
    channelCredentials(settings),
    clientOptionsFor(settings),
  )
  lifecycle.onStop('profiler channel', () => client.close())
  const reporting = reports(client, config, log)
  lifecycle.onStop('reports', () => reporting.close(config.drainMs))

  const api = createKubernetesApi(config)
  lifecycle.onStop('connections to the API server', api.close)
  const namespaces = follow<{ readonly metadata: ObjectMeta }, true>({
    api,
    path: '/api/v1/namespaces',
    labelSelector: modeLabel,
    keep: ({ metadata }) => (namespacePolicyOf(metadata).policy.mode === 'off' ? undefined : true),
    clock,
    log,
  })
  const stopping = new AbortController()
  lifecycle.onStop('namespaces', () => {
    stopping.abort()
    namespaces.close()
  })

  const files = cgroupFiles(config.cgroupRoot)
  const measured = measurements(files, config.sampleIntervalMs, clock.monotonicMs)
  const observeSweep = sweepSeconds(registry)
  const timer = setInterval(() => {
    const startedMs = clock.monotonicMs()
    measured.sweep(startedMs)
    observeSweep((clock.monotonicMs() - startedMs) / 1000)
  }, tickMs)
  lifecycle.onStop('measurements', () => clearInterval(timer))

  // Whether a Pod is measured is its namespace's to say.
  while (!namespaces.isSynced() && !stopping.signal.aborted) {
    await sleep(tickMs, undefined, { signal: stopping.signal }).catch(() => {})
  }
  if (stopping.signal.aborted) return
  pods = watchPods({
    ...config,
    api,
    sinceUnixMs,
    isOptedIn: (namespace) => namespaces.get(namespace) === true,
    measurements: measured,
    report: reporting.add,
    clock,
    log,
  })
  lifecycle.onStop('Pods', pods.close)
  agentFigures(registry, { pods, measurements: measured, reports: reporting, isReady })
  log.info({ node: config.nodeName, cgroups: files.version, profiler: config.profiler }, 'measuring')
}
