import type { TraceRow } from '../evaluate/trace.ts'
import { type JobOptions, jobsOf } from './jobs.ts'

export type Cluster = Pick<JobOptions, 'nodes' | 'nodeMemoryBytes' | 'nodeCores'>

/** Requests want so many times the memory there is, while executions arrive. */
const pressure = 2
/** Where all are there at the start, requests keep the memory full for so many times the longest run. */
const longestRuns = 8
/** Of any cluster. */
export const mostNodes = 100_000
/** At most, where the largest execution fits. */
const usualNodes = 4
/** Cores beyond those that would be held if every execution were given what it needs, to the byte. */
const coreHeadroom = 1.25

const gibibyte = 2 ** 30

/**
 * The cluster that `given` leaves open, drawn from the history so that memory is what is short: were it cores, sizing
 * memory could gain nothing. Each node holds the largest execution.
 */
export function defaultCluster(
  rows: readonly TraceRow[],
  options: Pick<JobOptions, 'arrivals' | 'defaultMemoryBytes'>,
  given: Partial<Cluster>,
): Cluster {
  const unbounded = {
    nodes: 1,
    nodeMemoryBytes: Number.POSITIVE_INFINITY,
    nodeCores: Number.POSITIVE_INFINITY,
  }
  const { jobs } = jobsOf(rows, { ...options, ...unbounded, pressure: undefined })
  let [requestedByteMs, neededByteMs, coreMs, longestMs, largestBytes, mostCores] = [0, 0, 0, 0, 0, 0]
  for (const { durationMs, requestedBytes, peakBytes, requestedCores } of jobs) {
    requestedByteMs += requestedBytes * durationMs
    neededByteMs += peakBytes * durationMs
    coreMs += requestedCores * durationMs
    longestMs = Math.max(longestMs, durationMs)
    largestBytes = Math.max(largestBytes, requestedBytes, peakBytes)
    mostCores = Math.max(mostCores, requestedCores)
  }
  const spanMs = Math.max(longestMs, jobs.at(-1)?.submitMs ?? 0)
  const fullMs = options.arrivals === 'trace' ? spanMs * pressure : longestMs * longestRuns
  const memoryBytes = requestedByteMs / Math.max(1, fullMs)
  const most = given.nodes ?? usualNodes
  const nodeMemoryBytes =
    given.nodeMemoryBytes ??
    gibibyte * Math.max(1, Math.ceil(Math.max(largestBytes, memoryBytes / most) / gibibyte))
  const nodes = given.nodes ?? Math.min(mostNodes, Math.max(1, Math.round(memoryBytes / nodeMemoryBytes)))
  const coresPerByte = coreMs / Math.max(1, neededByteMs)
  const nodeCores =
    given.nodeCores ?? Math.max(1, mostCores, Math.ceil(nodeMemoryBytes * coresPerByte * coreHeadroom))
  return { nodes, nodeMemoryBytes, nodeCores }
}
