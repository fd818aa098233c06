import { z } from 'zod'
import { profileLimits } from '../../shared/domain/profile-limits.ts'
import { rpcSettings, rpcShareOf } from '../../shared/rpc/settings.ts'
import { ConfigError } from '../../shared/runtime/config-error.ts'
import { perProcess, processesSettings } from '../../shared/runtime/processes.ts'
import { address, cohortLabels, logLevel, metricsListen, whole } from '../../shared/runtime/setting-types.ts'
import { codecs } from './envelope.ts'
import { fileFormats } from './stores/file.ts'
import { redisModes } from './stores/redis-client.ts'

const day = 86_400_000

/** The stores there are; stores/index.ts opens them. */
export const storeNames = ['memory', 'file', 'lmdb', 'redis'] as const

/** The profiler's settings; FORESIZE_PROFILER_LISTEN and so on in the environment. */
export const profilerConfig = z.object({
  listen: address.default('127.0.0.1:7070').describe('host:port to serve on; port 0 picks a free one'),
  logLevel,
  store: z
    .enum(storeNames)
    .default('lmdb')
    .describe(`where profiles are kept: ${storeNames.join(', ')}`),
  dataDir: z.string().min(1).default('foresize-data').describe('directory of a store on disk'),
  fileFormat: z
    .enum(fileFormats)
    .default('json')
    .describe(`form of a profile in the store file: ${fileFormats.join(', ')}`),
  codec: z
    .enum(codecs)
    .default('zstd')
    .describe(`compression of stored profiles: ${codecs.join(', ')}`),

  redisMode: z
    .enum(redisModes)
    .default('single')
    .describe(`how the store redis is run: ${redisModes.join(', ')}`),
  redisNodes: z
    .array(address)
    .min(1)
    .default(['127.0.0.1:6379'])
    .describe('host:port of the server, of the sentinels, or of some nodes of the cluster, comma-separated'),
  redisSentinelName: z.string().default('mymaster').describe('the name by which sentinels know the server'),
  redisUsername: z.string().optional().describe('user of Redis'),
  redisPassword: z.string().optional().describe('password of that user; give it by the environment'),
  redisTls: z.boolean().default(false).describe('speak TLS with Redis'),
  redisKeyPrefix: z
    .string()
    .regex(/^[^{}]*$/, 'must not hold braces')
    .default('')
    .describe('before every key, where several installations share one Redis'),
  redisTimeoutMs: whole(10, 600_000)
    .default(2000)
    .describe('longest wait for one command of Redis, milliseconds'),
  redisWaitReplicas: whole(0, 10)
    .default(0)
    .describe('replicas that must have a commit before it is acknowledged'),
  redisPollMs: whole(1, 60_000)
    .default(50)
    .describe('how often the change feed of Redis is looked at while somebody watches, milliseconds'),
  breakerWindowMs: whole(100, 600_000)
    .default(2000)
    .describe('calls of Redis are counted over so long for its breaker, milliseconds'),
  breakerErrorPercent: z.number().min(1).max(100).default(50).describe('share of failed calls that opens it'),
  breakerMinCalls: whole(1, 100_000).default(3).describe('least calls in that time before it may open'),
  breakerResetMs: whole(10, 600_000)
    .default(1000)
    .describe('time until an open breaker lets one call through, milliseconds'),

  halfLifeMs: whole(1, 100 * 365 * day)
    .default(30 * day)
    .describe('time after which an execution counts half in the statistics, milliseconds'),
  profileTtlMs: whole(1000, 100 * 365 * day)
    .default(180 * day)
    .describe('a profile that nothing was folded into for so long is deleted, milliseconds'),
  cohortLabels: cohortLabels.describe(
    'labels by which tasks form a cohort, the most specific first, comma-separated',
  ),

  defaultLeaseMs: whole(100, 7 * day)
    .default(300_000)
    .describe('silence after which an execution is closed as lost, milliseconds'),
  unaryLeaseMs: whole(100, 7 * day)
    .default(day)
    .describe('the same for StartProfiling, whose caller sends no samples'),
  unaryMemoryMs: whole(1000, day)
    .default(60_000)
    .describe('a repeat of EndProfiling is recognised for so long, milliseconds'),
  lateEndGraceMs: whole(0, 30 * day)
    .default(3_600_000)
    .describe(
      'an execution that was closed as lost may be told how it ended for so long, 0 never, milliseconds',
    ),
  idleSessionTtlMs: whole(1000, 365 * day)
    .default(3_600_000)
    .describe('a session with nothing open is forgotten after so long, milliseconds'),
  runningIntervalMs: whole(10, day)
    .default(1000)
    .describe('a profile shows what runs at most so often, milliseconds'),
  maxUnacknowledgedBatches: whole(1, 10_000)
    .default(64)
    .describe('batches of one stream taken before it is read no further'),
  maxReportedPerSecond: z
    .number()
    .positive()
    .default(50)
    .describe('executions of one task a second that are reported one by one; above, a fraction'),
  maxSamplesPerSecond: z
    .number()
    .positive()
    .default(500)
    .describe('samples of one task a second; above, they come further apart'),

  maxNamespaces: whole(1, 1_000_000).default(1000).describe('namespaces that have profiles'),
  maxProfiles: whole(1, 100_000_000)
    .default(1_000_000)
    .describe('profiles kept, of all kinds; executions of further tasks are folded into their namespace'),
  maxTasksPerNamespace: whole(1, 10_000_000)
    .default(10_000)
    .describe("tasks of a namespace that have a profile; further ones are folded into the namespace's"),
  maxCohortsPerNamespace: whole(1, 10_000_000)
    .default(2000)
    .describe('cohorts of a namespace that have a profile'),
  maxSessions: whole(1, 10_000_000)
    .default(100_000)
    .describe('sessions kept, those of absent clients included'),
  maxOpenExecutionsPerSession: whole(1, 100_000).default(1000).describe('executions open in one session'),
  maxOpenExecutionsPerNamespace: whole(1, 10_000_000)
    .default(20_000)
    .describe('executions open in one namespace'),
  maxOpenExecutions: whole(1, 10_000_000)
    .default(100_000)
    .describe('executions open, those of absent clients included'),
  maxFoldsPerCommit: whole(1, profileLimits.folded)
    .default(512)
    .describe(
      `executions folded in one commit, well below the ${profileLimits.folded} that a profile remembers`,
    ),
  maxWatchers: whole(1, 100_000).default(100).describe('WatchProfiles streams at once'),
  watchIntervalMs: whole(0, 60_000)
    .default(100)
    .describe(
      'a watcher is sent what has changed at most this often, of a profile its latest state; after a long round it rests for up to 1 s, so that it takes a fiftieth of a core; 0 turns both off',
    ),
  maxFeedEntries: whole(1, 10_000_000)
    .default(65_536)
    .describe('changes that a watcher may lag behind before it starts anew'),
  heartbeatMs: whole(100, 600_000)
    .default(10_000)
    .describe('a watcher hears from the profiler at least so often'),
  cachedProfiles: whole(1, 10_000_000).default(1024).describe('profiles kept decoded in memory'),
  minFreeBytes: whole(0, 1e15)
    .default(67_108_864)
    .describe('with less space left on the disk of dataDir, store lmdb writes nothing'),

  maxMessageBytes: whole(1024, 1e9).default(4_194_304).describe('largest message taken, bytes'),
  maxConcurrentStreams: whole(1, 1_000_000).default(1000).describe('calls at once on one connection'),
  drainMs: whole(0, 600_000)
    .default(10_000)
    .describe('time for calls under way to finish on SIGTERM, milliseconds'),
  metricsListen: metricsListen(9070),
  ...processesSettings,
  ...rpcSettings,
})

export type ProfilerConfig = z.output<typeof profilerConfig>

export const profilerEnvPrefix = 'FORESIZE_PROFILER'

/**
 * What one of several processes may use. Quotas of sessions and executions are held against what all profilers of a store
 * have, so they stay whole. Throws: ConfigError where the store belongs to one process.
 */
export function shareOfProcess(config: ProfilerConfig): ProfilerConfig {
  if (config.store !== 'redis') {
    throw new ConfigError(
      `--processes ${config.processes}: --store ${config.store} belongs to one process, redis does not`,
    )
  }
  return {
    ...config,
    ...rpcShareOf(config),
    maxWatchers: perProcess(config.maxWatchers, config),
    cachedProfiles: perProcess(config.cachedProfiles, config),
  }
}
