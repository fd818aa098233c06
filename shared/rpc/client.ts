import { readFileSync } from 'node:fs'
import {
  type CallOptions,
  type ChannelCredentials,
  type ClientOptions,
  credentials,
  Metadata,
  type ServiceError,
  type status,
} from '@grpc/grpc-js'

export interface ClientSettings {
  /** `host:port`, or any target that gRPC resolves, such as `dns:///profiler.foresize.svc:7070`. */
  readonly target: string
  /** Plain text where unset. */
  readonly tls?: {
    readonly caFile: string
    readonly certFile?: string | undefined
    readonly keyFile?: string | undefined
  }
}

/** Balanced over every address that the name resolves to; dead connections are noticed within 30 s. */
export const clientOptions: ClientOptions = {
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 5_000,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
}

export function channelCredentials({ tls }: ClientSettings): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure()
  const read = (file: string | undefined) => (file === undefined ? null : readFileSync(file))
  return credentials.createSsl(readFileSync(tls.caFile), read(tls.keyFile), read(tls.certFile))
}

/** The last overload of a generated client's method: `client.estimate.bind(client)`. */
type UnaryMethod<Req, Res> = (
  request: Req,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Res) => void,
) => unknown

/** One unary call as a promise. Rejects with grpc-js's ServiceError. */
export function call<Req, Res>(
  method: UnaryMethod<Req, Res>,
  request: Req,
  deadlineMs: number,
): Promise<Res> {
  return new Promise((resolve, reject) => {
    method(request, new Metadata(), { deadline: Date.now() + deadlineMs }, (error, response) => {
      if (error === null) resolve(response)
      else reject(error)
    })
  })
}

/** The gRPC status of a rejected call; `undefined` for any other error. */
export function statusOf(error: unknown): status | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined
}
