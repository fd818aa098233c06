import { readFileSync } from 'node:fs'
import {
  type CallOptions,
  type ChannelCredentials,
  type ClientOptions,
  credentials,
  InterceptingCall,
  type Interceptor,
  Metadata,
  type ServiceError,
  type status,
} from '@grpc/grpc-js'
import { context, propagation } from '@opentelemetry/api'
import { ConfigError } from '../runtime/config-error.ts'
import { currentTraceparent } from '../runtime/tracing.ts'
import { type ClientTls, clientTlsCredentials } from './certificates.ts'
import { isLoopback, splitAddress } from './listener.ts'

export interface ClientSettings {
  /** `host:port`, or any target that gRPC resolves, such as `dns:///profiler.foresize.svc:7070`. */
  readonly target: string
  /** Plain text where unset. Renewed files are used from the next connection on. */
  readonly tls?: ClientTls
  /** Holds a bearer token, read again at most every second. Beyond this host it needs TLS. */
  readonly tokenFile?: string | undefined
  /** The token itself, where it comes from the environment. */
  readonly token?: string | undefined
  /** Reach what is beyond this host by the proxy that the environment names for gRPC, as `grpc_proxy` and `http_proxy`. Default false. */
  readonly useProxy?: boolean | undefined
}

/** Balanced over every address that the name resolves to; dead connections are noticed within 30 s. */
export const clientOptions: ClientOptions = {
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 5_000,
  // Pods that are replaced have new addresses: grpc-js would look at most every 30 s.
  'grpc.dns_min_time_between_resolutions_ms': 5_000,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
  // The config above is ours: its look-up as a TXT record, where names are not answered, would outlive every deadline.
  'grpc.service_config_disable_resolution': 1,
  // A proxy is for the web: it would catch loopback and cluster addresses too, and see tokens in plain text.
  'grpc.enable_http_proxy': 0,
}

/**
 * What the environment says of TLS, token and proxy, the same for every client: FORESIZE_CA_FILE, FORESIZE_CERT_FILE,
 * FORESIZE_KEY_FILE, FORESIZE_TOKEN_FILE, FORESIZE_TOKEN, FORESIZE_USE_PROXY.
 */
export function clientSecurityOf(
  env: Readonly<Record<string, string | undefined>>,
): Pick<ClientSettings, 'tls' | 'tokenFile' | 'token' | 'useProxy'> {
  const caFile = env['FORESIZE_CA_FILE']
  return {
    ...(caFile === undefined
      ? {}
      : { tls: { caFile, certFile: env['FORESIZE_CERT_FILE'], keyFile: env['FORESIZE_KEY_FILE'] } }),
    tokenFile: env['FORESIZE_TOKEN_FILE'],
    token: env['FORESIZE_TOKEN'],
    useProxy: env['FORESIZE_USE_PROXY'] === '1',
  }
}

/** The part of options that says the same, without what they leave unsaid. */
export function securityIn({
  tls,
  tokenFile,
  token,
}: Partial<ClientSettings>): Pick<ClientSettings, 'tls' | 'tokenFile' | 'token'> {
  return {
    ...(tls === undefined ? {} : { tls }),
    ...(tokenFile === undefined ? {} : { tokenFile }),
    ...(token === undefined ? {} : { token }),
  }
}

/** Throws: ConfigError where a certificate cannot be used. */
export function channelCredentials({ tls }: ClientSettings): ChannelCredentials {
  return tls === undefined ? credentials.createInsecure() : clientTlsCredentials(tls)
}

/** `clientOptions`, and with every call the token and the trace of its caller. Throws: ConfigError where it would go out in plain text. */
export function clientOptionsFor(settings: ClientSettings): ClientOptions {
  const token = tokenOf(settings)
  if (token !== undefined && settings.tls === undefined && !isOnThisHost(settings.target)) {
    throw new ConfigError(
      `a token for ${settings.target} needs TLS: it would go over the network in plain text`,
    )
  }
  const interceptors = [
    ...(token === undefined
      ? []
      : [heading((metadata) => metadata.set('authorization', `Bearer ${token()}`))]),
    // Only where the program that we are part of has set OpenTelemetry up.
    ...(propagation.fields().length === 0 ? [] : [heading(carryTrace)]),
  ]
  return {
    ...clientOptions,
    ...(settings.useProxy === true && !isOnThisHost(settings.target) ? { 'grpc.enable_http_proxy': 1 } : {}),
    ...(interceptors.length === 0 ? {} : { interceptors }),
  }
}

const tokenRereadMs = 1000

function tokenOf({ token, tokenFile }: ClientSettings): (() => string) | undefined {
  if (tokenFile === undefined) {
    if (token === undefined || token === '') return undefined
    const given = tokenIn(token, 'token')
    return () => given
  }
  let held = readToken(tokenFile)
  let readAtMs = performance.now()
  return () => {
    if (performance.now() - readAtMs < tokenRereadMs) return held
    readAtMs = performance.now()
    try {
      held = readToken(tokenFile)
    } catch {
      // It may be about to be replaced: the one that we hold is tried until then.
    }
    return held
  }
}

function readToken(file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError(`${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
  return tokenIn(text, file)
}

/** Refused here, by its place: what refuses a header later says what was in it. */
function tokenIn(text: string, place: string): string {
  const token = text.trim()
  if (token === '') throw new ConfigError(`${place}: holds no token`)
  if (!/^[!-~]+$/.test(token)) throw new ConfigError(`${place}: must hold one token, of ASCII without spaces`)
  return token
}

function carryTrace(metadata: Metadata): void {
  propagation.inject(context.active(), metadata, { set: (carrier, key, value) => carrier.set(key, value) })
}

/** Adds to the headers of every call. */
function heading(add: (metadata: Metadata) => void): Interceptor {
  return (options, next) =>
    new InterceptingCall(next(options), {
      start(metadata, listener, pass) {
        add(metadata)
        pass(metadata, listener)
      },
    })
}

/** Of a target as gRPC resolves it: of each of its addresses where it is a list. */
export function isOnThisHost(target: string): boolean {
  if (target.startsWith('unix:')) return true
  const addresses = /^ipv[46]:(.*)$/.exec(target)?.[1]?.split(',') ?? [target.replace(/^dns:(\/\/\/)?/, '')]
  return addresses.every((address) => isLoopback(splitAddress(address).host))
}

/** The last overload of a generated client's method: `client.estimate.bind(client)`. */
type UnaryMethod<Req, Res> = (
  request: Req,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Res) => void,
) => unknown

/** One unary call as a promise, in the trace of the call that it is made for. Rejects with grpc-js's ServiceError. */
export function call<Req, Res>(
  method: UnaryMethod<Req, Res>,
  request: Req,
  deadlineMs: number,
): Promise<Res> {
  const metadata = new Metadata()
  const traceparent = currentTraceparent()
  if (traceparent !== undefined) metadata.set('traceparent', traceparent)
  return new Promise((resolve, reject) => {
    method(request, metadata, { deadline: Date.now() + deadlineMs }, (error, response) => {
      if (error === null) resolve(response)
      else reject(error)
    })
  })
}

/** The gRPC status of a rejected call; `undefined` for any other error. */
export function statusOf(error: unknown): status | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined
}
