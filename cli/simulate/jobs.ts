import type { TraceRow } from '../evaluate/trace.ts'

/** One execution of the trace, as the simulated cluster runs it. */
export interface Job {
  /** In the order of arrival, from 0; those that arrive at once in the order of the trace. */
  readonly place: number
  readonly row: TraceRow
  readonly submitMs: number
  /** Run time when nothing is short. */
  readonly durationMs: number
  readonly peakBytes: number
  /** What the user asked for, held to what a node has. */
  readonly requestedBytes: number
  /** Whether the user asked for memory at all; else it is the default. */
  readonly isRequested: boolean
  readonly requestedCores: number
  /** Mean use. */
  readonly usedCores: number
}

export interface JobOptions {
  /** `trace`: as `submit_ms` says, from 0. `at-once`: all at the start, in order of the trace. */
  readonly arrivals: 'trace' | 'at-once'
  /**
   * Draws arrivals together or apart until what is requested while they last is so many times what the nodes have, of
   * memory or of cores, whichever is scarcer. Unset leaves them as they are.
   */
  readonly pressure: number | undefined
  readonly nodes: number
  readonly nodeMemoryBytes: number
  readonly nodeCores: number
  /** For a row without a request. */
  readonly defaultMemoryBytes: number
}

export interface LeftOut {
  /** Rows that did not complete, or that lack a run time, a peak or, where arrivals need it, a submit time. */
  readonly incomplete: number
  /** Rows that no node can hold. */
  readonly tooLarge: number
}

/** Law: every method is given the same jobs, in order of arrival. */
export function jobsOf(
  rows: readonly TraceRow[],
  options: JobOptions,
): { readonly jobs: readonly Job[]; readonly leftOut: LeftOut } {
  const jobs: Job[] = []
  let tooLarge = 0
  for (const [place, row] of rows.entries()) {
    const { durationMs, peakMemoryBytes: peakBytes, submitMs } = row
    if (!row.completed || !isPositive(durationMs) || !isPositive(peakBytes)) continue
    if (options.arrivals === 'trace' && submitMs === undefined) continue
    if (peakBytes > options.nodeMemoryBytes) {
      tooLarge++
      continue
    }
    const usedCores = isPositive(row.cpuCores) ? row.cpuCores : 1
    const requestedCores = isPositive(row.requestedCpuCores) ? row.requestedCpuCores : Math.ceil(usedCores)
    const requestedBytes = isPositive(row.requestedMemoryBytes)
      ? row.requestedMemoryBytes
      : options.defaultMemoryBytes
    jobs.push({
      place,
      row,
      submitMs: options.arrivals === 'trace' ? (submitMs ?? 0) : 0,
      durationMs,
      peakBytes,
      requestedBytes: Math.min(requestedBytes, options.nodeMemoryBytes),
      isRequested: isPositive(row.requestedMemoryBytes),
      requestedCores: Math.min(requestedCores, options.nodeCores),
      usedCores: Math.min(usedCores, options.nodeCores),
    })
  }
  const arriving = atPressure(jobs, options)
    .sort((a, b) => a.submitMs - b.submitMs || a.place - b.place)
    .map((job, place) => ({ ...job, place }))
  return { jobs: arriving, leftOut: { incomplete: rows.length - jobs.length - tooLarge, tooLarge } }
}

function atPressure(jobs: readonly Job[], options: JobOptions): Job[] {
  let [firstMs, lastMs, memoryTime, coreTime] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0]
  for (const { submitMs, durationMs, requestedBytes, requestedCores } of jobs) {
    firstMs = Math.min(firstMs, submitMs)
    lastMs = Math.max(lastMs, submitMs)
    memoryTime += requestedBytes * durationMs
    coreTime += requestedCores * durationMs
  }
  const { pressure, nodes, nodeMemoryBytes, nodeCores } = options
  const fullMs = Math.max(memoryTime / (nodes * nodeMemoryBytes), coreTime / (nodes * nodeCores))
  const scale = pressure === undefined || lastMs <= firstMs ? 1 : fullMs / pressure / (lastMs - firstMs)
  return jobs.map((job) => ({ ...job, submitMs: (job.submitMs - firstMs) * scale }))
}

const isPositive = (value: number | undefined): value is number => value !== undefined && value > 0
