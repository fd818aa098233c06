import type { UsageSamples } from '../../shared/wire/gen/foresize/v1/execution.ts'
import type { UsageSample } from './sampler.ts'

/**
 * Samples of one execution waiting to be sent. Thinning joins neighbours two by two.
 * Law: joining keeps the peak of every level (memory, disk, GPU memory) and the integral of the rate (CPU) over time.
 */
export interface SampleColumn {
  /** Ordered; `elapsedMs` never falls. */
  readonly samples: UsageSample[]
  /** End of the last sample already sent: the first of `samples` covers the time since. */
  readonly sinceMs: number
}

/** Two neighbours as one; `sinceMs` is where the first begins. */
export function joinSamples(first: UsageSample, second: UsageSample, sinceMs: number): UsageSample {
  const spans = [first.elapsedMs - sinceMs, second.elapsedMs - first.elapsedMs] as const
  return {
    elapsedMs: second.elapsedMs,
    cpuCores: meanRate([first.cpuCores, second.cpuCores], spans),
    memoryBytes: highest(first.memoryBytes, second.memoryBytes),
    diskBytes: highest(first.diskBytes, second.diskBytes),
    gpuMemoryBytes: highest(first.gpuMemoryBytes, second.gpuMemoryBytes),
  }
}

/** Half as many samples, in place. Returns how many are gone. */
export function thin({ samples, sinceMs }: SampleColumn): number {
  const before = samples.length
  let kept = 0
  let start = sinceMs
  for (let i = 0; i < before; i += 2) {
    const first = samples[i] as UsageSample
    const second = samples[i + 1]
    samples[kept++] = second === undefined ? first : joinSamples(first, second, start)
    start = (second ?? first).elapsedMs
  }
  samples.length = kept
  return before - kept
}

/**
 * As the wire wants them: the first counts from `sinceMs`, where the samples sent before end. A column that some samples
 * lack is filled from their neighbours, the earlier one first.
 */
export function toUsageSamples(
  executionId: string,
  samples: readonly UsageSample[],
  sinceMs = 0,
): UsageSamples {
  let beforeMs = Math.round(sinceMs)
  const elapsedDeltaMs = samples.map(({ elapsedMs }) => {
    const wholeMs = Math.max(beforeMs, Math.round(elapsedMs))
    const delta = wholeMs - beforeMs
    beforeMs = wholeMs
    return delta
  })
  return {
    executionId,
    elapsedDeltaMs,
    cpuCores: filled(samples.map(({ cpuCores }) => cpuCores)),
    memoryBytes: filled(samples.map(({ memoryBytes }) => memoryBytes)),
    diskBytes: filled(samples.map(({ diskBytes }) => diskBytes)),
    gpuMemoryBytes: filled(samples.map(({ gpuMemoryBytes }) => gpuMemoryBytes)),
  }
}

function filled(values: readonly (number | undefined)[]): number[] {
  let last = values.find((value) => value !== undefined)
  if (last === undefined) return []
  return values.map((value) => {
    last = value ?? last
    return last as number
  })
}

function meanRate(
  [first, second]: readonly [number | undefined, number | undefined],
  [firstMs, secondMs]: readonly [number, number],
): number | undefined {
  if (first === undefined || second === undefined) return first ?? second
  const totalMs = firstMs + secondMs
  return totalMs > 0 ? (first * firstMs + second * secondMs) / totalMs : Math.max(first, second)
}

function highest(first: number | undefined, second: number | undefined): number | undefined {
  if (first === undefined || second === undefined) return first ?? second
  return Math.max(first, second)
}
