import { z } from 'zod'
import { resourceLimits } from '../../shared/domain/resources.ts'
import type { ClientSettings } from '../../shared/rpc/client.ts'
import { rpcSettings, rpcShareOf } from '../../shared/rpc/settings.ts'
import { perProcess, processesSettings } from '../../shared/runtime/processes.ts'
import { address, cohortLabels, logLevel, metricsListen, whole } from '../../shared/runtime/setting-types.ts'
import type { BreakerSettings } from './breaker.ts'
import type { EstimateSettings } from './domain/estimate/context.ts'
import type { Registry } from './domain/strategies/strategy.ts'
import { experimentSettings } from './experiment-config.ts'

/** The estimator's settings; FORESIZE_ESTIMATOR_LISTEN and so on in the environment. */
export const estimatorConfig = z.object({
  listen: address.default('127.0.0.1:7071').describe('host:port to serve on; port 0 picks a free one'),
  profiler: z
    .string()
    .default('127.0.0.1:7070')
    .describe('the profiler: host:port or a gRPC target such as dns:///name:7070'),
  logLevel,
  namespaces: z
    .array(z.string())
    .default([])
    .describe('namespaces to follow, comma-separated, others are answered for as unknown; none means all'),
  cohortLabels: cohortLabels.describe(
    'labels by which tasks form a cohort, the most specific first, comma-separated; as the profiler has them',
  ),
  updateIntervalMs: whole(0, 86_400_000)
    .default(1000)
    .describe('a profile that changes is learned anew at most this often; 0 means at every change'),
  refitBudgetMs: whole(1, 60_000)
    .default(20)
    .describe(
      'once changed profiles were learned anew for so long at a stretch, older models answer for the others till the next turn; without effect where updateIntervalMs is 0',
    ),
  minExecutions: whole(1, 1000)
    .default(1)
    .describe("executions of a task's own before they are trusted more than similar tasks"),
  risk: z.number().min(0).max(1).default(0.5).describe('0 economical, 0.5 balanced, 1 safe'),
  targetCoverage: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe('probability with which an allocation shall suffice, where the risk knob is not enough'),
  overheadMemoryBytes: z
    .number()
    .min(0)
    .max(resourceLimits.memoryBytes)
    .default(0)
    .describe(
      'added to every answer for what wraps a task under the same limit and is not measured with it, bytes; a query with an overhead of its own decides instead',
    ),
  ...experimentSettings,
  defaultCpuCores: z
    .number()
    .positive()
    .default(1)
    .describe('answer for a task of which nothing is known, cores'),
  defaultMemoryBytes: z
    .number()
    .positive()
    .default(4e9)
    .describe('answer for a task of which nothing is known, bytes'),
  defaultDurationMs: z
    .number()
    .positive()
    .default(3_600_000)
    .describe('answer for a task of which nothing is known, milliseconds'),
  maxCpuCores: z.number().positive().default(1024).describe('nothing above is ever answered, cores'),
  minMemoryBytes: z
    .number()
    .positive()
    .default(12_582_912)
    .describe(
      'nothing below is answered, unless a maximum is lower, bytes; 12 MiB is the least limit that CRI-O accepts',
    ),
  maxMemoryBytes: z.number().positive().default(16e12).describe('nothing above is ever answered, bytes'),
  maxDiskBytes: z.number().positive().default(1e15).describe('nothing above is ever answered, bytes'),
  maxGpuMemoryBytes: z.number().positive().default(4e12).describe('nothing above is ever answered, bytes'),
  maxDurationMs: z
    .number()
    .positive()
    .default(30 * 86_400_000)
    .describe('nothing above is ever answered, milliseconds'),
  replicaMaxProfiles: whole(1, 10_000_000).default(100_000).describe('profiles held in memory'),
  replicaMaxBytes: whole(1, 1e12).default(512e6).describe('encoded profiles held in memory, bytes'),
  replicaMaxMissing: whole(1, 10_000_000)
    .default(100_000)
    .describe('names remembered as having no profile, so that they are not asked for again'),
  maxModels: whole(1, 1_000_000)
    .default(1000)
    .describe(
      'fitted models held in memory; of a task with 96 executions in three dimensions about 0.2 MB each, and up to 0.6 MB of resident memory',
    ),
  maxAnswers: whole(0, 10_000_000)
    .default(20_000)
    .describe(
      'answers kept for queries that were asked twice while the profile is the same, about 6 kB each; 0: none',
    ),
  maxNamesCompared: whole(0, 100_000)
    .default(1000)
    .describe(
      'names of known tasks that an unknown one is compared with, to say which may have been meant; 0: none',
    ),
  staleAfterMs: whole(1, 86_400_000)
    .default(60_000)
    .describe('an answer from an older view of the profiles carries a notice that says so, milliseconds'),
  fetchDeadlineMs: whole(1, 600_000)
    .default(250)
    .describe('longest wait for a profile that is not held, milliseconds'),
  maxFetches: whole(1, 100_000)
    .default(256)
    .describe('profiles asked for at once that are not held; beyond, the answer comes from a fallback'),
  backoffMinMs: whole(1, 600_000).default(100).describe('first wait before following again, milliseconds'),
  backoffMaxMs: whole(1, 600_000)
    .default(10_000)
    .describe('longest wait before following again, milliseconds'),
  breakerWindowMs: whole(100, 86_400_000).default(60_000).describe('window over which failures are counted'),
  breakerResetMs: whole(1, 86_400_000)
    .default(30_000)
    .describe('time until an open breaker lets one try through'),
  breakerErrorPercent: z.number().min(0).max(100).default(50).describe('opens above this share of failures'),
  breakerMinTries: whole(1, 100_000)
    .default(3)
    .describe('least tries in the window before a breaker may open'),
  breakerMinTriesUnreliable: whole(1, 100_000)
    .default(20)
    .describe('profiles learned in the window before a poor record may take a strategy out for all tasks'),
  fitBudgetMs: z
    .number()
    .positive()
    .default(50)
    .describe('longest that one strategy may take to learn one profile'),
  retryMs: whole(0, 86_400_000)
    .default(1000)
    .describe('a strategy that failed on a profile is tried on it again after this time, milliseconds'),
  predictBudgetMs: z
    .number()
    .positive()
    .default(10)
    .describe('longest that the predictions of one answer may take'),
  maxMessageBytes: whole(1024, 1e9).default(4_194_304).describe('largest request taken, bytes'),
  maxConcurrentStreams: whole(1, 1_000_000).default(1000).describe('calls at once on one connection'),
  drainMs: whole(0, 600_000)
    .default(10_000)
    .describe('time for calls under way to finish on SIGTERM, milliseconds'),
  metricsListen: metricsListen(9071),
  ...processesSettings,
  ...rpcSettings,
  profilerCaFile: z
    .string()
    .optional()
    .describe("PEM roots of the profiler's certificate; plain text where unset"),
  profilerCertFile: z.string().optional().describe('PEM certificate to show to the profiler'),
  profilerKeyFile: z.string().optional().describe('PEM key of that certificate'),
  profilerTokenFile: z
    .string()
    .optional()
    .describe('holds the bearer token to show to the profiler, of role estimator'),
})

export type EstimatorConfig = z.output<typeof estimatorConfig>

export const estimatorEnvPrefix = 'FORESIZE_ESTIMATOR'

/** What one of several processes may use. Each holds what it is asked for: a profile that all are asked for is held in each. */
export function shareOfProcess(config: EstimatorConfig): EstimatorConfig {
  return {
    ...config,
    ...rpcShareOf(config),
    replicaMaxProfiles: perProcess(config.replicaMaxProfiles, config),
    replicaMaxBytes: perProcess(config.replicaMaxBytes, config),
    replicaMaxMissing: perProcess(config.replicaMaxMissing, config),
    maxModels: perProcess(config.maxModels, config),
    maxAnswers: Math.floor(config.maxAnswers / config.processes),
    maxFetches: perProcess(config.maxFetches, config),
  }
}

/** What the settings say of answering: the server's policy, its defaults, its limits. */
export function answerSettings(config: EstimatorConfig, registry: Registry): EstimateSettings {
  return {
    registry,
    policy: {
      risk: config.risk,
      targetCoverage: config.targetCoverage,
      strategies: [],
      min: {},
      max: {},
    },
    defaults: {
      cpuCores: config.defaultCpuCores,
      memoryBytes: config.defaultMemoryBytes,
      durationMs: config.defaultDurationMs,
    },
    limits: {
      min: {
        cpuCores: 0.01,
        memoryBytes: config.minMemoryBytes,
        diskBytes: 1e6,
        gpuMemoryBytes: 1e6,
        durationMs: 1,
      },
      max: {
        cpuCores: config.maxCpuCores,
        memoryBytes: config.maxMemoryBytes,
        diskBytes: config.maxDiskBytes,
        gpuMemoryBytes: config.maxGpuMemoryBytes,
        durationMs: config.maxDurationMs,
      },
    },
    minExecutions: config.minExecutions,
  }
}

export function breakerSettings(config: EstimatorConfig): BreakerSettings {
  return {
    windowMs: config.breakerWindowMs,
    resetMs: config.breakerResetMs,
    errorThresholdPercent: config.breakerErrorPercent,
    minTries: config.breakerMinTries,
    minTriesUnreliable: config.breakerMinTriesUnreliable,
    fitBudgetMs: config.fitBudgetMs,
  }
}

/** How to reach the profiler. */
export function profilerClient(config: EstimatorConfig): ClientSettings {
  const { profiler, profilerCaFile, profilerCertFile, profilerKeyFile, profilerTokenFile } = config
  return {
    target: profiler,
    tokenFile: profilerTokenFile,
    ...(profilerCaFile === undefined
      ? {}
      : { tls: { caFile: profilerCaFile, certFile: profilerCertFile, keyFile: profilerKeyFile } }),
  }
}
