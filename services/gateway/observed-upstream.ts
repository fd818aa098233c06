import { Code, ConnectError } from '@connectrpc/connect'
import { status } from '@grpc/grpc-js'
import type { Tracing } from '../../shared/runtime/tracing.ts'
import { type ForwardedCall, pathOf, type Upstream } from './upstream.ts'

export interface Observers {
  /** Called before a call is passed on; throws where it must not be. */
  readonly require: (service: string) => void
  /** Told of every call that was passed on, when it ends. */
  readonly onEnd: (path: string, code: status, durationMs: number) => void
  readonly tracing: Tracing | undefined
}

/** The same service, each call a span and counted by how it ended. */
export function observedUpstream(upstream: Upstream, { require, onEnd, tracing }: Observers): Upstream {
  function begin({ method, header, peer }: ForwardedCall) {
    require(upstream.name)
    const path = pathOf(method)
    const startMs = performance.now()
    const span = tracing?.begin(path, header.get('traceparent') ?? undefined, peer)
    return {
      run: <T>(work: () => T): T => (span === undefined ? work() : span.run(work)),
      end(error?: unknown) {
        const failure = error === undefined ? undefined : ConnectError.from(error, Code.Unknown)
        // Connect has the codes of gRPC.
        const code = failure === undefined ? status.OK : (failure.code as number as status)
        span?.end(code, failure?.rawMessage ?? '')
        onEnd(path, code, performance.now() - startMs)
      },
    }
  }

  async function answered<T>(call: ForwardedCall, work: () => Promise<T>): Promise<T> {
    const observed = begin(call)
    try {
      const answer = await observed.run(work)
      observed.end()
      return answer
    } catch (error) {
      observed.end(error)
      throw error
    }
  }

  return {
    ...upstream,
    unary: (call, request) => answered(call, () => upstream.unary(call, request)),
    clientStream: (call, requests) => answered(call, () => upstream.clientStream(call, requests)),
    async *serverStream(call, request) {
      const observed = begin(call)
      let failure: unknown
      try {
        yield* observed.run(() => upstream.serverStream(call, request))
      } catch (error) {
        failure = error
        throw error
      } finally {
        // A caller that has gone reads no further: that is no failure, and no end.
        observed.end(failure ?? (call.signal.aborted ? call.signal.reason : undefined))
      }
    },
  }
}
