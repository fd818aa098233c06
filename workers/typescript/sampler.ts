import type { TreeReader, TreeUsage } from './process-tree.ts'

/** One sample of an execution, as the wire wants it. */
export interface UsageSample {
  /** Since the start of the execution. */
  readonly elapsedMs: number
  /** Mean since the sample before; the first: since the start. */
  readonly cpuCores?: number | undefined
  /** Resident now, or the peak since the sample before where that is known. */
  readonly memoryBytes?: number | undefined
  readonly diskBytes?: number | undefined
  readonly gpuMemoryBytes?: number | undefined
}

export interface SamplerOptions {
  /** Longest time between two samples. Default 1000. */
  readonly intervalMs?: number
  /** Time to the first sample; each wait is half as long again as the one before, up to the interval. Default 5. */
  readonly firstMs?: number
  /** Share of time that sampling may take of one core, beyond the first `burstMs` of it. Default 0.01. */
  readonly maxOverhead?: number
  /** Default 20. */
  readonly burstMs?: number
}

export interface Sampler {
  /** The tree as last seen, undefined before the first sample. */
  last(): TreeUsage | undefined
  stop(): void
}

/**
 * Samples a process tree densely at first, so that short tasks are seen at all, then ever more rarely. Waits longer
 * where a reading costs much, so that it stays within `maxOverhead` whatever the size of the tree.
 */
export function startSampler(
  reader: TreeReader,
  onSample: (sample: UsageSample) => void,
  options: SamplerOptions = {},
): Sampler {
  const { intervalMs = 1000, firstMs = 5, maxOverhead = 0.01, burstMs = 20 } = options
  const startedMs = performance.now()
  let previous = { elapsedMs: 0, cpuSeconds: 0, peakMemoryBytes: 0 }
  let last: TreeUsage | undefined
  let waitMs = Math.min(firstMs, intervalMs)
  let spentMs = 0
  let stopped = false

  async function sample(): Promise<void> {
    const cpuBeforeMs = threadCpuMs()
    const usage = await reader.read().catch(() => undefined)
    spentMs += threadCpuMs() - cpuBeforeMs
    const after = performance.now()
    if (stopped) return
    if (usage !== undefined) {
      const elapsedMs = after - startedMs
      const { cpuSeconds, memoryBytes, peakMemoryBytes = 0 } = usage
      last = usage
      onSample({
        elapsedMs,
        cpuCores: ((cpuSeconds - previous.cpuSeconds) * 1000) / (elapsedMs - previous.elapsedMs),
        memoryBytes: peakMemoryBytes > previous.peakMemoryBytes ? peakMemoryBytes : memoryBytes,
      })
      previous = { elapsedMs, cpuSeconds, peakMemoryBytes }
    }
    waitMs = Math.min(waitMs * 1.5, intervalMs)
    const affordableMs = (spentMs - burstMs) / maxOverhead - (after - startedMs)
    schedule(Math.max(waitMs, affordableMs))
  }

  let timer: NodeJS.Timeout
  function schedule(ms: number): void {
    timer = setTimeout(() => void sample(), ms)
    timer.unref()
  }
  schedule(waitMs)

  return {
    last: () => last,
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}

/** Of this thread: on a busy machine a reading takes long without costing much. */
function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
