import cluster from 'node:cluster'
import type { Registry } from 'prom-client'
import type { z } from 'zod'
import { childHost, tellPrimary } from './child-process.ts'
import { type Children, startChildren } from './children.ts'
import { childrenMetrics } from './children-metrics.ts'
import { systemClock } from './clock.ts'
import { type Host, type Lifecycle, runService } from './lifecycle.ts'
import type { Log } from './log.ts'
import {
  counterOf,
  gaugeOf,
  type MetricsServer,
  type MetricsServerOptions,
  processMetrics,
  startMetricsServer,
} from './metrics.ts'
import { whole } from './setting-types.ts'

/** The settings of a service that may run in several processes. */
export const processesSettings = {
  processes: whole(1, 256)
    .default(1)
    .describe(
      'processes that serve behind one address, to use as many cores; budgets of memory and of connections are for all of them together',
    ),
  processSilenceMs: whole(1000, 86_400_000)
    .default(30_000)
    .describe(
      'of several processes, one that says nothing for so long is ended and started again, milliseconds',
    ),
} as const

interface ProcessesConfig extends z.output<z.ZodObject<typeof processesSettings>> {
  readonly metricsListen: string
  readonly drainMs: number
}

export interface ServiceInProcesses<C> {
  /** Before the names of metrics, like `foresize_estimator`. */
  readonly prefix: string
  /** What one of the processes may use. Throws: ConfigError where there cannot be several. */
  readonly shareOf: (config: C) => C
  readonly start: (config: C, lifecycle: Lifecycle) => Promise<unknown>
}

/** Runs a service in this process, or in several that this one, the primary, starts and looks after. */
export function runInProcesses<C extends ProcessesConfig>(
  host: Host,
  config: C,
  log: Log,
  { prefix, shareOf, start }: ServiceInProcesses<C>,
): Promise<void> {
  return runService(cluster.isWorker ? childHost(host) : host, log, async (lifecycle) => {
    const share = config.processes === 1 ? config : shareOf(config)
    if (config.processes > 1 && cluster.isPrimary) await startPrimary(prefix, config, log, lifecycle)
    else await start(share, lifecycle)
  })
}

/** Where metrics and health of a service are seen: of one of several processes, at its primary. */
export async function startMonitoring(
  options: MetricsServerOptions & { readonly registry: Registry },
): Promise<Pick<MetricsServer, 'close'> | undefined> {
  return cluster.isWorker ? tellPrimary(options) : startMetricsServer(options)
}

/** `total` shared out, so that all processes together stay within it. */
export const perProcess = (total: number, { processes }: Pick<ProcessesConfig, 'processes'>): number =>
  Math.max(1, Math.floor(total / processes))

/** For the metrics of one process, milliseconds; Prometheus waits ten seconds for all. */
const metricsWithinMs = 2000

/** Beyond `drainMs`, for what a process stores and closes then. */
const closeWithinMs = 10_000

async function startPrimary(
  prefix: string,
  { processes, processSilenceMs, metricsListen, drainMs }: ProcessesConfig,
  log: Log,
  lifecycle: Lifecycle,
): Promise<void> {
  const own = processMetrics()
  const metrics = childrenMetrics(own, metricsWithinMs)
  let children: Children | undefined
  let isStopping = false
  const isHealthy = () => !isStopping && (children?.healthy() ?? 0) > 0
  const server = await startMetricsServer({ listen: metricsListen, registry: metrics, isHealthy, log })
  lifecycle.onStop('metrics', () => server?.close())

  const started = startChildren(
    { count: processes, silenceMs: processSilenceMs, stopWithinMs: drainMs + closeWithinMs },
    { clock: systemClock, log, onStart: metrics.add, onEnd: metrics.remove },
  )
  children = started
  lifecycle.onStop('processes', () => {
    isStopping = true
    return started.stop()
  })
  gaugeOf(own, `${prefix}_processes`, 'Processes that serve behind the address.', started.healthy)
  counterOf(own, `${prefix}_lost_processes_total`, 'Processes that ended unasked.', started.lost)
  await started.started
  log.info({ processes }, 'serving in several processes')
}
