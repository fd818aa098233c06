import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-web'
import { EstimatorService } from './gen/foresize/v1/estimator_service_pb.js'
import { ProfilerService } from './gen/foresize/v1/profiler_service_pb.js'

export interface Services {
  readonly estimator: Client<typeof EstimatorService>
  readonly profiler: Client<typeof ProfilerService>
}

/** The services behind the gateway that this page came from. */
export function connectServices(token: string | undefined): Services {
  const transport = createConnectTransport({
    baseUrl: '/',
    useBinaryFormat: true,
    interceptors: [
      (next) => (request) => {
        if (token !== undefined) request.header.set('authorization', `Bearer ${token}`)
        return next(request)
      },
    ],
  })
  return {
    estimator: createClient(EstimatorService, transport),
    profiler: createClient(ProfilerService, transport),
  }
}

export const isUnauthenticated = (error: unknown): boolean =>
  ConnectError.from(error).code === Code.Unauthenticated

export const isNotFound = (error: unknown): boolean => ConnectError.from(error).code === Code.NotFound

/** Whether the same call may succeed a little later. */
export function isWorthRetrying(error: unknown): boolean {
  const { code } = ConnectError.from(error)
  return code === Code.Unavailable || code === Code.DeadlineExceeded || code === Code.Unknown
}

/** What went wrong and what to do, each in a sentence. */
export function explain(error: unknown): { readonly what: string; readonly toDo: string } {
  const { code, rawMessage } = ConnectError.from(error)
  switch (code) {
    case Code.Unavailable:
      return { what: rawMessage, toDo: 'See that the profiler and the estimator run: foresize doctor.' }
    case Code.PermissionDenied:
      return { what: rawMessage, toDo: 'Choose a namespace that your token may read, or use another token.' }
    case Code.ResourceExhausted:
      return { what: rawMessage, toDo: 'Wait a moment; the page tries again more slowly.' }
    case Code.Unknown:
      return { what: `The gateway gave no answer (${rawMessage}).`, toDo: 'See that it runs: foresize up.' }
    default:
      return { what: rawMessage, toDo: 'Load the page again.' }
  }
}
