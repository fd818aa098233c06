import type { Resources } from '../../../shared/domain/resources.ts'

/** Samples of one execution, in columns of equal length; a column that is empty was not measured. */
export interface SampleColumns {
  /** Milliseconds since the sample before; the first counts from the latest sample reported, or the start. */
  readonly elapsedDeltaMs: readonly number[]
  /** The mean since the sample before. */
  readonly cpuCores: readonly number[]
  readonly memoryBytes: readonly number[]
  readonly diskBytes: readonly number[]
  readonly gpuMemoryBytes: readonly number[]
}

/** What the samples of one execution add up to. */
export interface UsageTotals {
  readonly elapsedMs: number
  /** Cores times milliseconds. */
  readonly cpuCoreMs: number
  /** Milliseconds behind `cpuCoreMs`. */
  readonly cpuMeasuredMs: number
  readonly peak: Resources
}

export const noUsage: UsageTotals = { elapsedMs: 0, cpuCoreMs: 0, cpuMeasuredMs: 0, peak: {} }

/** Law: adding samples in any split of the same sequence gives the same totals, but for rounding. */
export function addSamples(before: UsageTotals, columns: SampleColumns): UsageTotals {
  const { elapsedDeltaMs, cpuCores } = columns
  let { elapsedMs, cpuCoreMs, cpuMeasuredMs } = before
  for (let i = 0; i < elapsedDeltaMs.length; i++) elapsedMs += elapsedDeltaMs[i] as number
  for (let i = 0; i < cpuCores.length; i++) {
    const deltaMs = elapsedDeltaMs[i] as number
    cpuCoreMs += deltaMs * (cpuCores[i] as number)
    cpuMeasuredMs += deltaMs
  }
  const peak = {
    memoryBytes: peakOf(before.peak.memoryBytes, columns.memoryBytes),
    diskBytes: peakOf(before.peak.diskBytes, columns.diskBytes),
    gpuMemoryBytes: peakOf(before.peak.gpuMemoryBytes, columns.gpuMemoryBytes),
  }
  return { elapsedMs, cpuCoreMs, cpuMeasuredMs, peak }
}

function peakOf(before: number | undefined, values: readonly number[]): number | undefined {
  if (values.length === 0) return before
  let peak = before ?? 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    if (value > peak) peak = value
  }
  return peak
}

/** What an execution used, as its samples say; `exact` wins where it is set. */
export function usageOf(totals: UsageTotals, exact: Resources = {}): Resources {
  const { elapsedMs, cpuCoreMs, cpuMeasuredMs, peak } = totals
  return {
    cpuCores: exact.cpuCores ?? (cpuMeasuredMs > 0 ? cpuCoreMs / cpuMeasuredMs : undefined),
    memoryBytes: exact.memoryBytes ?? peak.memoryBytes,
    diskBytes: exact.diskBytes ?? peak.diskBytes,
    gpuMemoryBytes: exact.gpuMemoryBytes ?? peak.gpuMemoryBytes,
    durationMs: exact.durationMs ?? (elapsedMs > 0 ? elapsedMs : undefined),
  }
}
