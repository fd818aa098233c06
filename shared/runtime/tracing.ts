import { AsyncLocalStorage } from 'node:async_hooks'

/** One call taken in, from its headers to its status. */
export interface CallSpan {
  /** Calls that `work` makes, now or later, are under this one. */
  run<T>(work: () => T): T
  /** `code` is a gRPC status; 0 is OK. */
  end(code: number, message: string): void
}

export interface Tracing {
  /** A span under the caller's own, where its `traceparent` is one. */
  begin(path: string, traceparent: string | undefined, peer: string): CallSpan
  /** Sends what is left. */
  close(): Promise<void>
}

export interface TracingOptions {
  /** Of the program, as traces name it. */
  readonly service: string
  readonly version: string
  /** OTLP over HTTP, like `http://collector:4318/v1/traces`. */
  readonly endpoint: string
  /** Share of the calls without a parent that are traced; with one, the parent decides. */
  readonly sampleRatio: number
}

const traceparents = new AsyncLocalStorage<string>()

/** For the headers of a call that is made on behalf of one taken in; undefined where that one has no span. */
export function currentTraceparent(): string | undefined {
  return traceparents.getStore()
}

/** Statuses that are the server's fault, as OpenTelemetry counts errors of servers. */
const serverErrors = new Set([2, 4, 12, 13, 14, 15])

/** OpenTelemetry is loaded only where traces are asked for. */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const [api, core, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/core'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ])
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({ 'service.name': options.service, 'service.version': options.version }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(options.sampleRatio) }),
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter: new OTLPTraceExporter({ url: options.endpoint }),
        maxQueueSize: 2048,
      }),
    ],
  })
  const tracer = provider.getTracer(options.service, options.version)

  return {
    begin(path, traceparent, peer) {
      const [service = '', method = ''] = path.slice(1).split('/')
      const parent = traceparent === undefined ? null : core.parseTraceParent(traceparent)
      const context =
        parent === null
          ? api.ROOT_CONTEXT
          : api.trace.setSpanContext(api.ROOT_CONTEXT, { ...parent, isRemote: true })
      const attributes = {
        'rpc.system': 'grpc',
        'rpc.service': service,
        'rpc.method': method,
        'client.address': peer,
      }
      const span = tracer.startSpan(path.slice(1), { kind: api.SpanKind.SERVER, attributes }, context)
      return {
        run(work) {
          const { traceId, spanId, traceFlags } = span.spanContext()
          return traceparents.run(`00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`, work)
        },
        end(code, message) {
          span.setAttribute('rpc.grpc.status_code', code)
          if (serverErrors.has(code)) span.setStatus({ code: api.SpanStatusCode.ERROR, message })
          span.end()
        },
      }
    },
    close: () => provider.shutdown(),
  }
}
