import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Aggregator, Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client'
import type { Log } from './log.ts'

export interface MetricsServerOptions {
  /** `host:port`; port 0 picks a free one, and there is no server where it is empty. */
  readonly listen: string
  readonly registry: Pick<Registry, 'contentType' | 'metrics'>
  /** Whether `/healthz` says 200. */
  readonly isHealthy: () => boolean
  readonly log: Log
}

export interface MetricsServer {
  readonly address: string
  close(): Promise<void>
}

/**
 * How often the lag of the event loop is looked at, milliseconds; what is shown includes it. prom-client's own 10 ms wake an
 * idle process a hundred times a second, for half a percent of a core.
 */
const eventLoopMonitoringPrecision = 50

/** A registry that holds what Node and the process say of themselves. */
export function processMetrics(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision })
  return registry
}

/**
 * Gauges that are read when they are asked for, by the values of `labels`; one that is gone is forgotten.
 * @param aggregator what several processes behind one address say together.
 */
export function gaugesOf(
  registry: Registry,
  name: string,
  help: string,
  labels: readonly string[],
  read: () => Iterable<readonly [values: readonly string[], value: number]>,
  aggregator: Aggregator = 'sum',
): void {
  new Gauge({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    aggregator,
    collect() {
      this.reset()
      // prom-client resets a gauge without labels to 0, which would be a value that nobody has read.
      if (labels.length === 0) this.remove()
      for (const [values, value] of read()) this.labels(...values).set(value)
    },
  })
}

export function gaugeOf(
  registry: Registry,
  name: string,
  help: string,
  read: () => number,
  aggregator?: Aggregator,
): void {
  gaugesOf(registry, name, help, [], () => [[[], read()]], aggregator)
}

/** A counter that somebody else keeps. `read` gives totals, by the values of `labels`. */
export function countersOf(
  registry: Registry,
  name: string,
  help: string,
  labels: readonly string[],
  read: () => Iterable<readonly [values: readonly string[], total: number]>,
): void {
  new Counter({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    collect() {
      this.reset()
      for (const [values, total] of read()) this.labels(...values).inc(total)
    },
  })
}

export function counterOf(registry: Registry, name: string, help: string, read: () => number): void {
  countersOf(registry, name, help, [], () => [[[], read()]])
}

/**
 * A histogram without labels, for what is observed at every call. Returns what observes a value.
 * prom-client's own looks its labels up anew for each value [0.4 µs, this one 0.02]. `bounds` ascend.
 */
export function histogramOf(
  registry: Registry,
  name: string,
  help: string,
  bounds: readonly number[],
): (value: number) => void {
  /** Of each bucket alone, the one above all bounds last. */
  const counts = new Float64Array(bounds.length + 1)
  let sum = 0

  async function get() {
    let upTo = 0
    const buckets = [...bounds, '+Inf'].map((le, index) => {
      upTo += counts[index] ?? 0
      return { metricName: `${name}_bucket`, labels: { le }, value: upTo }
    })
    const totals = [
      { metricName: `${name}_sum`, labels: {}, value: sum },
      { metricName: `${name}_count`, labels: {}, value: upTo },
    ]
    return { name, help, type: 'histogram', aggregator: 'sum', values: [...buckets, ...totals] }
  }

  // All that a registry asks of a metric; the type wants prom-client's own classes.
  registry.registerMetric({ name, get } as unknown as Metric)
  return (value) => {
    let index = 0
    while (index < bounds.length && value > (bounds[index] as number)) index++
    counts[index] = (counts[index] as number) + 1
    sum += value
  }
}

/**
 * `/metrics` for Prometheus, `/healthz`, and `/livez` that depends on the process alone, over plain HTTP: nothing in them
 * names a task or a tenant.
 * A port that is taken is reported, and leaves the service without: it must not stop for it.
 */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer | undefined> {
  const { listen, registry, isHealthy, log } = options
  if (listen === '') return undefined
  const server = createServer((request, response) => {
    const answer = (code: number, body: string, type = 'text/plain; charset=utf-8') => {
      response.writeHead(code, { 'content-type': type }).end(body)
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') answer(405, 'GET only\n')
    else if (request.url === '/healthz')
      answer(isHealthy() ? 200 : 503, isHealthy() ? 'ok\n' : 'not serving\n')
    else if (request.url === '/livez') answer(200, 'ok\n')
    else if (request.url === '/metrics') {
      registry.metrics().then(
        (text) => answer(200, text, registry.contentType),
        (error: unknown) => {
          log.error({ err: error }, 'metrics could not be read')
          answer(500, 'metrics could not be read\n')
        },
      )
    } else answer(404, '/metrics, /healthz or /livez\n')
  })
  server.maxConnections = 64
  server.requestTimeout = 10_000
  try {
    await listening(server, listen)
  } catch (error) {
    log.error({ err: error, listen }, 'there are no metrics: the address cannot be bound')
    return undefined
  }
  const { port } = server.address() as AddressInfo
  return {
    address: `${listen.slice(0, listen.lastIndexOf(':'))}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function listening(server: Server, listen: string): Promise<void> {
  const colon = listen.lastIndexOf(':')
  const host = listen.slice(0, colon).replace(/^\[|\]$/g, '')
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(Number(listen.slice(colon + 1)), host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
