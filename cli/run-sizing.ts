import type { Notice } from '../shared/domain/estimate.ts'
import type { Resources } from '../shared/domain/resources.ts'
import type { CommandInput } from './command.ts'

export interface RunTask {
  readonly task: string
  readonly namespace: string
  readonly executionId: string
  readonly attempt: number
  readonly features: Readonly<Record<string, number>>
  readonly labels: Readonly<Record<string, string>>
  /** What the command line gives it: never overridden. */
  readonly explicit: Resources
}

export interface RunSizing {
  readonly allocated: Resources
  readonly estimateToken: Uint8Array
  readonly notices: readonly Notice[]
  /** For a person. */
  readonly explanation: string
  /** Why nobody was asked, or nobody answered. */
  readonly problem?: string
}

/** Longest wait for the estimator, beside the loading of gRPC. */
const deadlineMs = 250

/** What the estimator would give the run. Never rejects: with no answer it is what the command line gives. */
export async function sizeRun(
  input: CommandInput,
  run: RunTask,
  overheadBytes: number | undefined,
): Promise<RunSizing> {
  const { task, namespace, ...known } = run
  try {
    const [{ createEstimatorClient }, { createSizer }, { settingsOf }] = await Promise.all([
      import('../services/scheduler/client.ts'),
      import('../services/scheduler/sizer.ts'),
      import('./connection.ts'),
    ])
    const client = createEstimatorClient({ ...settingsOf(input, 'estimator'), deadlineMs })
    const overhead = overheadBytes === undefined ? {} : { memoryBytes: overheadBytes }
    const sizer = createSizer(client, { overhead })
    const { allocated, estimateToken, decision } = await sizer.size({ task: { namespace, task }, ...known })
    client.close()
    const { reason, explanation, notices } = decision
    const sized = {
      allocated: { ...allocated, ...run.explicit },
      estimateToken,
      notices,
      explanation: `${reason}: ${explanation}`,
    }
    return reason === 'unavailable' ? { ...sized, problem: explanation } : sized
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    const explanation = `unavailable: ${problem}`
    return { allocated: run.explicit, estimateToken: new Uint8Array(), notices: [], explanation, problem }
  }
}

/** With what wraps the task; less it, where it is negative. */
export function withOverhead(resources: Resources, overheadBytes: number): Resources {
  const { memoryBytes } = resources
  return memoryBytes === undefined
    ? resources
    : { ...resources, memoryBytes: Math.max(0, memoryBytes + overheadBytes) }
}

/** The allocation in the command's environment, whole numbers but for cores. */
export function environmentOf({ memoryBytes, cpuCores, durationMs, diskBytes, gpuMemoryBytes }: Resources) {
  const variables = {
    FORESIZE_MEMORY_BYTES: whole(memoryBytes),
    FORESIZE_CPU_CORES: cpuCores === undefined ? undefined : cpuCores.toFixed(2),
    FORESIZE_DURATION_MS: whole(durationMs),
    FORESIZE_DISK_BYTES: whole(diskBytes),
    FORESIZE_GPU_MEMORY_BYTES: whole(gpuMemoryBytes),
  }
  return Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== undefined))
}

function whole(value: number | undefined): string | undefined {
  return value === undefined ? undefined : String(Math.ceil(value))
}
