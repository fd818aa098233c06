import cluster from 'node:cluster'
import type { Registry } from 'prom-client'
import type { Host } from './lifecycle.ts'
import type { MetricsServer, MetricsServerOptions } from './metrics.ts'

/** What the primary tells one of its processes. */
export type ToChild = { readonly kind: 'stop' | 'metrics' }

/** What one tells the primary. `metrics` are a registry's as JSON. */
export type ToPrimary =
  | { readonly kind: 'beat'; readonly isHealthy: boolean }
  | { readonly kind: 'metrics'; readonly metrics: object }

/** A process says so often that it lives. */
const beatMs = 500

/** Health and metrics of one of several processes: the primary asks for them, and serves those of all. */
export function tellPrimary({
  registry,
  isHealthy,
  log,
}: MetricsServerOptions & { readonly registry: Registry }): Pick<MetricsServer, 'close'> {
  const tell = (message: ToPrimary) => {
    if (cluster.worker?.isConnected()) cluster.worker.send(message)
  }
  const answer = ({ kind }: ToChild) => {
    if (kind !== 'metrics') return
    registry.getMetricsAsJSON().then(
      (metrics) => tell({ kind: 'metrics', metrics }),
      (error: unknown) => log.error({ err: error }, 'metrics could not be read'),
    )
  }
  cluster.worker?.on('message', answer)
  const timer = setInterval(() => tell({ kind: 'beat', isHealthy: isHealthy() }), beatMs)
  return {
    async close() {
      clearInterval(timer)
      cluster.worker?.off('message', answer)
    },
  }
}

/**
 * The host of one of several processes. A signal of a terminal or of systemd reaches all of them, and the primary tells each
 * besides: whichever comes first stops it gently, and none counts as the second signal, which leaves at once.
 */
export function childHost(host: Host): Host {
  let isTold = false
  const first = (listener: () => void) => () => {
    if (isTold) return
    isTold = true
    listener()
  }
  const { argv, env, stdout, stdin } = host
  return {
    ...{ argv, env, stdout, stdin },
    exit: (code) => host.exit(code),
    on(
      event: 'SIGTERM' | 'SIGINT' | 'uncaughtException' | 'unhandledRejection',
      listener: (e?: unknown) => void,
    ) {
      if (event !== 'SIGTERM' && event !== 'SIGINT') return host.on(event, listener)
      const stop = first(listener)
      cluster.worker?.on('message', ({ kind }: ToChild) => {
        if (kind === 'stop') stop()
      })
      return host.on(event, stop)
    },
  }
}
