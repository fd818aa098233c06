import { z } from 'zod'
import { type ClientSettings, isOnThisHost } from '../../shared/rpc/client.ts'
import { isLoopback, splitAddress } from '../../shared/rpc/listener.ts'
import { rpcSettings } from '../../shared/rpc/settings.ts'
import { ConfigError } from '../../shared/runtime/config-error.ts'
import { address, logLevel, metricsListen, whole } from '../../shared/runtime/setting-types.ts'

/** The gateway's settings; FORESIZE_GATEWAY_LISTEN and so on in the environment. */
export const gatewayConfig = z.object({
  listen: address.default('127.0.0.1:7080').describe('host:port to serve on; port 0 picks a free one'),
  profiler: z
    .string()
    .default('127.0.0.1:7070')
    .describe('the profiler: host:port or a gRPC target such as dns:///name:7070'),
  estimator: z.string().default('127.0.0.1:7071').describe('the estimator, the same'),
  upstreamCaFile: z
    .string()
    .optional()
    .describe('PEM roots of the certificates of both; plain text where unset'),
  upstreamCertFile: z.string().optional().describe('PEM certificate to show to both'),
  upstreamKeyFile: z.string().optional().describe('PEM key of that certificate'),
  insecureUpstream: z
    .boolean()
    .default(false)
    .describe('allow services beyond this host in plain text: the tokens of callers would go so too'),
  logLevel,
  corsOrigins: z
    .array(z.url())
    .default([])
    .describe('origins whose pages may call from a browser, like https://jobs.example.org, comma-separated'),
  allowedHosts: z
    .array(z.string())
    .default([])
    .describe(
      'names by which it may be called beside those of loopback, while it listens on loopback, comma-separated; beyond loopback any name will do',
    ),
  console: z
    .boolean()
    .default(true)
    .describe('serve the console under /console/; beyond loopback over TLS alone'),
  healthIntervalMs: whole(100, 3_600_000)
    .default(2000)
    .describe('both services are asked for their health so often, milliseconds'),
  maxCallMs: whole(1, 3_600_000)
    .default(30_000)
    .describe('longest that a call with one answer may take, less where its caller says so, milliseconds'),
  maxMessageBytes: whole(1024, 1e9)
    .default(1_048_576)
    .describe('largest message taken, bytes; the same after decompression'),
  maxConcurrentCalls: whole(1, 1_000_000)
    .default(1000)
    .describe('calls at once, watches among them; maxHeldShare of them from one address'),
  maxHeaderBytes: whole(1024, 1_048_576).default(16_384).describe('headers of one request, bytes'),
  headerTimeoutMs: whole(100, 3_600_000)
    .default(10_000)
    .describe('longest that the headers of a request may take to arrive, milliseconds'),
  receiveTimeoutMs: whole(100, 3_600_000)
    .default(60_000)
    .describe('longest that a whole request may take to arrive, milliseconds'),
  sendTimeoutMs: whole(100, 3_600_000)
    .default(30_000)
    .describe('a caller that takes nothing of its answer for so long is cut off, milliseconds'),
  keepAliveMs: whole(100, 3_600_000)
    .default(60_000)
    .describe('a connection without a request is closed after so long, milliseconds'),
  drainMs: whole(0, 600_000)
    .default(10_000)
    .describe('time for calls under way to finish on SIGTERM, milliseconds'),
  metricsListen: metricsListen(9072),
  tlsCertFile: rpcSettings.tlsCertFile,
  tlsKeyFile: rpcSettings.tlsKeyFile,
  tlsClientCaFile: rpcSettings.tlsClientCaFile,
  securityReloadMs: rpcSettings.securityReloadMs,
  insecureBind: z
    .boolean()
    .default(false)
    .describe('allow listening beyond this host without TLS, or before services that ask for no token'),
  maxHeldBytes: rpcSettings.maxHeldBytes.describe(
    'memory held for others, bytes: calls, their answers, and their requests as what they may become once read, a hundred times their bytes',
  ),
  maxHeldShare: rpcSettings.maxHeldShare.describe(
    'largest part of that, and of calls at once, for one address',
  ),
  maxConnections: rpcSettings.maxConnections,
  maxConnectionsPerPeer: rpcSettings.maxConnectionsPerPeer,
  maxCallsPerSecondPerPeer: rpcSettings.maxCallsPerSecondPerPeer,
  tracesEndpoint: rpcSettings.tracesEndpoint,
  tracesSampleRatio: rpcSettings.tracesSampleRatio,
})

export type GatewayConfig = z.output<typeof gatewayConfig>

export const gatewayEnvPrefix = 'FORESIZE_GATEWAY'

/** How to reach a service. Throws: ConfigError where the tokens of callers would go over a network in plain text. */
export function upstreamSettings(config: GatewayConfig, service: 'profiler' | 'estimator'): ClientSettings {
  const { upstreamCaFile: caFile, upstreamCertFile: certFile, upstreamKeyFile: keyFile } = config
  const target = config[service]
  if (caFile === undefined && !config.insecureUpstream && !isOnThisHost(target)) {
    throw new ConfigError(
      `--${service} ${target} is beyond this host and in plain text: set --upstream-ca-file, or --insecure-upstream true`,
    )
  }
  return { target, ...(caFile === undefined ? {} : { tls: { caFile, certFile, keyFile } }) }
}

/** Beyond this host either callers show certificates here, or the services ask them for tokens. */
export function mustAskForTokens({ listen, tlsClientCaFile, insecureBind }: GatewayConfig): boolean {
  return !insecureBind && tlsClientCaFile === undefined && !isLoopback(splitAddress(listen).host)
}

/** A token that is typed into a page must not cross a network in plain text, whatever else may. */
export function isConsoleSafe({ listen, tlsCertFile }: GatewayConfig): boolean {
  return tlsCertFile !== undefined || isLoopback(splitAddress(listen).host)
}

/** Throws: ConfigError where callers would reach it from beyond this host in plain text. */
export function requireSafeListen({ listen, tlsCertFile, insecureBind }: GatewayConfig): void {
  if (insecureBind || tlsCertFile !== undefined || isLoopback(splitAddress(listen).host)) return
  throw new ConfigError(
    `--listen ${listen} reaches beyond this host without TLS: set --tls-cert-file and --tls-key-file, or --insecure-bind true`,
  )
}
