import { z } from 'zod'
import type { ClientSettings } from '../../../shared/rpc/client.ts'
import { logLevel, metricsListen, whole } from '../../../shared/runtime/setting-types.ts'
import { apiSettings } from '../api.ts'

/** The settings of the node agent; FORESIZE_AGENT_NODE_NAME and so on in the environment. */
export const agentConfig = z.object({
  nodeName: z.string().min(1).describe('the node whose Pods are measured'),
  cgroupRoot: z
    .string()
    .default('/sys/fs/cgroup')
    .describe("where the host's cgroups are, of v2 or v1; only read"),
  profiler: z
    .string()
    .default('127.0.0.1:7070')
    .describe('the profiler: host:port or a gRPC target such as dns:///name:7070'),
  profilerCaFile: z.string().optional().describe('PEM roots of its certificate; plain text where unset'),
  profilerTokenFile: z.string().optional().describe('bearer token for it, of the role worker'),
  ...apiSettings,
  sampleIntervalMs: whole(100, 3_600_000)
    .default(5000)
    .describe('a container is read so often, a young one after a quarter of its age, milliseconds'),
  reportIntervalMs: whole(10, 3_600_000)
    .default(1000)
    .describe('executions that ended are gathered for so long before they are reported, milliseconds'),
  reportTimeoutMs: whole(100, 3_600_000)
    .default(10_000)
    .describe('longest wait for the profiler to store a report, milliseconds'),
  lateMs: whole(0, 31_536_000_000)
    .default(600_000)
    .describe('what ended longer before the start of the agent is taken as reported, milliseconds'),
  maxPods: whole(1, 100_000).default(2000).describe('Pods that are measured at once; further ones are not'),
  maxWaitingReports: whole(1, 10_000_000)
    .default(10_000)
    .describe('executions held while the profiler is away; the oldest beyond are dropped, and counted'),
  drainMs: whole(0, 600_000).default(10_000).describe('time on SIGTERM to report what is held, milliseconds'),
  metricsListen: metricsListen(9074),
  logLevel,
})

export type AgentConfig = z.output<typeof agentConfig>

export const agentEnvPrefix = 'FORESIZE_AGENT'

export function profilerClientSettings(config: AgentConfig): ClientSettings {
  const { profiler: target, profilerCaFile: caFile, profilerTokenFile: tokenFile } = config
  return { target, tokenFile, ...(caFile === undefined ? {} : { tls: { caFile } }) }
}
