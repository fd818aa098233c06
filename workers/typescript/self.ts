import { isMainThread } from 'node:worker_threads'
import type { Resources } from '../../shared/domain/resources.ts'
import type { TreeReader } from './process-tree.ts'

export interface SelfMeasurement {
  /** For the sampler. */
  readonly reader: TreeReader
  /** Since the measurement began. */
  used(): Resources
}

/**
 * Measures the current process from now on: what a function needs when it has the process to itself. CPU is that of
 * the thread in a worker thread, of the process in the main one. Memory is the resident set of the process: two
 * functions at once each see both.
 */
export function measureSelf(): SelfMeasurement {
  const startedMs = performance.now()
  const cpuBefore = cpuSeconds()
  const highestBefore = highestResidentBytes()
  let peakMemoryBytes = process.memoryUsage.rss()

  function observePeak(): number {
    const residentBytes = process.memoryUsage.rss()
    const highest = highestResidentBytes()
    // The kernel's high-water mark counts only where it rose during the measurement.
    peakMemoryBytes = Math.max(peakMemoryBytes, residentBytes, highest > highestBefore ? highest : 0)
    return residentBytes
  }

  return {
    reader: {
      pids: () => [],
      read: async () => ({
        cpuSeconds: cpuSeconds() - cpuBefore,
        memoryBytes: observePeak(),
        peakMemoryBytes,
        processes: 1,
      }),
    },
    used() {
      observePeak()
      const durationMs = performance.now() - startedMs
      return {
        durationMs,
        memoryBytes: peakMemoryBytes,
        ...(durationMs > 0 ? { cpuCores: ((cpuSeconds() - cpuBefore) * 1000) / durationMs } : {}),
      }
    },
  }
}

function cpuSeconds(): number {
  const { user, system } = isMainThread ? process.cpuUsage() : process.threadCpuUsage()
  return (user + system) / 1e6
}

function highestResidentBytes(): number {
  return process.resourceUsage().maxRSS * 1024
}
