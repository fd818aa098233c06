import { z } from 'zod'
import type { ClientSettings } from '../../../shared/rpc/client.ts'
import { rpcSettings } from '../../../shared/rpc/settings.ts'
import { ConfigError } from '../../../shared/runtime/config-error.ts'
import { address, logLevel, metricsListen, whole } from '../../../shared/runtime/setting-types.ts'
import { defaultLearningConfig, type LearningSettings } from '../../scheduler/domain/learning-config.ts'
import { apiSettings } from '../api.ts'

/** The settings of the admission webhook; FORESIZE_ADMISSION_LISTEN and so on in the environment. */
export const admissionConfig = z.object({
  listen: address
    .default('127.0.0.1:8443')
    .describe('host:port to serve on, over TLS; port 0 picks a free one'),
  tlsCertFile: z.string().describe('PEM certificate chain to serve with'),
  tlsKeyFile: z.string().describe('PEM key of the certificate'),
  tlsClientCaFile: z
    .string()
    .optional()
    .describe('PEM roots; where set, the API server must show a certificate of theirs'),
  securityReloadMs: rpcSettings.securityReloadMs,
  estimator: z
    .string()
    .default('127.0.0.1:7071')
    .describe('the estimator: host:port or a gRPC target such as dns:///name:7071'),
  estimatorCaFile: z.string().optional().describe('PEM roots of its certificate; plain text where unset'),
  estimatorTokenFile: z.string().optional().describe('bearer token for it, of the role scheduler'),
  ...apiSettings,
  deadlineMs: whole(10, 10_000)
    .default(500)
    .describe(
      'a Pod or Job is let through as it is after so long, milliseconds; below timeoutSeconds of the webhook',
    ),
  estimateMs: whole(1, 10_000)
    .default(300)
    .describe('longest wait for the estimator, milliseconds; below deadlineMs'),
  minExecutions: whole(0, 1_000_000)
    .default(defaultLearningConfig.minExecutions)
    .describe('executions behind an answer before it is given'),
  confidenceThreshold: z
    .number()
    .min(0)
    .max(1)
    .default(defaultLearningConfig.confidenceThreshold)
    .describe('confidence of an answer before it is given'),
  risk: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('0 economical to 1 safe; left to the estimator where unset'),
  minMemoryBytes: z.number().positive().default(33_554_432).describe('nothing below is given, bytes'),
  minCpuCores: z.number().positive().default(0.01).describe('nothing below is given, cores'),
  sizeCpu: z
    .boolean()
    .default(true)
    .describe(
      'give CPU requests too; false where tasks share busy cores, on which they use less than they could',
    ),
  maxReviewBytes: whole(1024, 1e9)
    .default(4_194_304)
    .describe('largest review taken, bytes; the API server takes objects of 3 MiB'),
  maxReviews: whole(1, 100_000)
    .default(256)
    .describe('reviews at once; further ones are turned away, and their Pods go on as they are'),
  maxConnections: rpcSettings.maxConnections,
  maxConnectionsPerPeer: rpcSettings.maxConnectionsPerPeer,
  maxHeaderBytes: whole(1024, 1_048_576).default(16_384).describe('headers of one request, bytes'),
  headerTimeoutMs: whole(100, 3_600_000)
    .default(5000)
    .describe('longest that the headers of a request may take to arrive, milliseconds'),
  receiveTimeoutMs: whole(100, 3_600_000)
    .default(5000)
    .describe('longest that a whole request may take to arrive, milliseconds'),
  keepAliveMs: whole(100, 3_600_000)
    .default(120_000)
    .describe('a connection without a request is closed after so long, milliseconds'),
  drainMs: whole(0, 600_000)
    .default(5000)
    .describe('time for reviews under way to finish on SIGTERM, milliseconds'),
  selfSignedStore: z
    .string()
    .default('')
    .describe(
      'NAMESPACE/NAME of a Secret: certificates are made here, kept in it, shared by all replicas and renewed; empty where others make them, such as cert-manager',
    ),
  selfSignedNames: z
    .array(z.string())
    .default([])
    .describe('names of the Service in such a certificate, comma-separated'),
  selfSignedWebhook: z
    .string()
    .default('foresize-admission')
    .describe('the MutatingWebhookConfiguration that its CA is written to'),
  selfSignedValidityMs: whole(30_000, 31_536_000_000)
    .default(7_776_000_000)
    .describe('such a certificate is valid for so long and renewed after two thirds of it, milliseconds'),
  metricsListen: metricsListen(9073),
  logLevel,
})

export type AdmissionConfig = z.output<typeof admissionConfig>

export const admissionEnvPrefix = 'FORESIZE_ADMISSION'

export function estimatorClientSettings(config: AdmissionConfig): ClientSettings {
  const { estimator: target, estimatorCaFile: caFile, estimatorTokenFile: tokenFile } = config
  return { target, tokenFile, ...(caFile === undefined ? {} : { tls: { caFile } }) }
}

/** What is the same for all namespaces; each says its mode and its ceilings. */
export function learningSettingsOf(config: AdmissionConfig): LearningSettings {
  const { minExecutions, confidenceThreshold, risk, minMemoryBytes, minCpuCores, sizeCpu } = config
  return {
    ...defaultLearningConfig,
    minExecutions,
    confidenceThreshold,
    risk,
    dimensions: sizeCpu ? ['cpuCores', 'memoryBytes'] : ['memoryBytes'],
    min: { memoryBytes: minMemoryBytes, cpuCores: minCpuCores },
  }
}

/** Throws: ConfigError for settings that contradict each other. */
export function requireConsistent({
  estimateMs,
  deadlineMs,
  selfSignedStore,
  selfSignedNames,
}: AdmissionConfig): void {
  if (estimateMs >= deadlineMs) throw new ConfigError('--estimate-ms must be below --deadline-ms')
  if (selfSignedStore === '') return
  if (!/^[^/]+\/[^/]+$/.test(selfSignedStore))
    throw new ConfigError('--self-signed-store must be NAMESPACE/NAME')
  if (selfSignedNames.length === 0) throw new ConfigError('--self-signed-store needs --self-signed-names')
}
