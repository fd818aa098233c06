import { z } from 'zod'
import { ConfigError } from '../runtime/config-error.ts'
import type { Lifecycle } from '../runtime/lifecycle.ts'
import { perProcess } from '../runtime/processes.ts'
import { addressOrNone, whole } from '../runtime/setting-types.ts'
import { startTracing, type Tracing } from '../runtime/tracing.ts'
import { version } from '../runtime/version.ts'
import type { ServerTls } from './certificates.ts'
import type { RpcServerOptions } from './server.ts'

/** The settings that every service has of how it is reached, and by whom. */
export const rpcSettings = {
  tlsCertFile: z.string().optional().describe('PEM certificate chain to serve with; plain text where unset'),
  tlsKeyFile: z.string().optional().describe('PEM key of the certificate'),
  tlsClientCaFile: z
    .string()
    .optional()
    .describe('PEM roots; where set, clients must show a certificate of theirs'),
  tokensFile: z
    .string()
    .optional()
    .describe('JSON of hashed bearer tokens with roles and namespaces; no token is asked for where unset'),
  securityReloadMs: whole(100, 86_400_000)
    .default(10_000)
    .describe('certificates and tokens are read again so often, milliseconds'),
  openReflection: z.boolean().default(false).describe('answer gRPC reflection without a token'),
  insecureBind: z
    .boolean()
    .default(false)
    .describe('allow listening beyond this host without TLS, or without tokens or client certificates'),
  healthListen: addressOrNone
    .default('')
    .describe('host:port of gRPC health alone in plain text, for probes that speak no TLS; empty means none'),
  maxHeldBytes: whole(1_048_576, 1e13)
    .default(268_435_456)
    .describe(
      'memory held for others, bytes: calls, messages, sessions, executions that are open or not stored yet, watchers',
    ),
  maxHeldShare: z
    .number()
    .positive()
    .max(1)
    .default(0.5)
    .describe(
      'largest part of that, and of sessions, watchers, namespaces and profiles, for one peer or one tenant',
    ),
  maxConnections: whole(1, 1_000_000).default(5000).describe('connections at once'),
  maxConnectionsPerPeer: whole(1, 1_000_000).default(1000).describe('connections at once from one address'),
  maxCallsPerSecondPerPeer: whole(0, 10_000_000)
    .default(20_000)
    .describe('calls a second from one address, a stream counting once; 0 means no limit'),
  maxConnectionAgeMs: whole(1000, 86_400_000)
    .default(300_000)
    .describe('a connection is asked to reconnect after so long, so that load spreads, milliseconds'),
  maxConnectionAgeGraceMs: whole(0, 86_400_000)
    .default(30_000)
    .describe('time for the calls of such a connection to finish, milliseconds'),
  tracesEndpoint: z
    .union([z.literal(''), z.url()])
    .default('')
    .describe(
      'OTLP over HTTP for OpenTelemetry traces, like http://collector:4318/v1/traces; empty means none',
    ),
  tracesSampleRatio: z
    .number()
    .min(0)
    .max(1)
    .default(0.01)
    .describe('share of calls without a traced caller that are traced'),
} as const

type RpcSettings = z.output<z.ZodObject<typeof rpcSettings>>

/** What one of several processes behind one address may hold and take. */
export function rpcShareOf(settings: RpcSettings & { readonly processes: number }) {
  return {
    maxHeldBytes: perProcess(settings.maxHeldBytes, settings),
    maxConnections: perProcess(settings.maxConnections, settings),
    maxConnectionsPerPeer: perProcess(settings.maxConnectionsPerPeer, settings),
  } satisfies Partial<RpcSettings>
}

/** Undefined where no traces are asked for; it closes with `lifecycle`, after everything that was started later. */
export async function tracingOf(
  { tracesEndpoint, tracesSampleRatio }: Pick<RpcSettings, 'tracesEndpoint' | 'tracesSampleRatio'>,
  service: string,
  lifecycle: Lifecycle,
): Promise<Tracing | undefined> {
  if (tracesEndpoint === '') return undefined
  const tracing = await startTracing({
    service,
    version,
    endpoint: tracesEndpoint,
    sampleRatio: tracesSampleRatio,
  })
  lifecycle.onStop('tracing', tracing.close)
  return tracing
}

/** Undefined in plain text. Throws: ConfigError where a certificate is given by halves. */
export function serverTlsOf(
  settings: Pick<RpcSettings, 'tlsCertFile' | 'tlsKeyFile' | 'tlsClientCaFile'>,
): ServerTls | undefined {
  const { tlsCertFile, tlsKeyFile, tlsClientCaFile } = settings
  if ((tlsCertFile === undefined) !== (tlsKeyFile === undefined)) {
    throw new ConfigError('--tls-cert-file and --tls-key-file go together')
  }
  if (tlsClientCaFile !== undefined && tlsCertFile === undefined) {
    throw new ConfigError('--tls-client-ca-file needs --tls-cert-file and --tls-key-file')
  }
  if (tlsCertFile === undefined || tlsKeyFile === undefined) return undefined
  return { certFile: tlsCertFile, keyFile: tlsKeyFile, clientCaFile: tlsClientCaFile }
}

/** Throws: ConfigError where a certificate is given by halves. */
export function rpcOptions(settings: RpcSettings) {
  const tls = serverTlsOf(settings)
  return {
    ...(tls === undefined ? {} : { tls }),
    access: {
      tokensFile: settings.tokensFile,
      reloadMs: settings.securityReloadMs,
      openReflection: settings.openReflection,
      maxCallsPerSecondPerPeer: settings.maxCallsPerSecondPerPeer,
    },
    insecureBind: settings.insecureBind,
    healthListen: settings.healthListen,
    maxConnections: settings.maxConnections,
    maxConnectionsPerPeer: settings.maxConnectionsPerPeer,
    maxConnectionAgeMs: settings.maxConnectionAgeMs,
    maxConnectionAgeGraceMs: settings.maxConnectionAgeGraceMs,
  } satisfies Partial<RpcServerOptions>
}
