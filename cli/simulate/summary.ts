import type { ClusterSettings, SimulatedRun } from './cluster.ts'

/** What one way to size jobs did to the cluster and to those who wait for it. */
export interface RunSummary {
  readonly name: string
  /** From the first submission to the last end. */
  readonly makespanMs: number
  /** Time in the queue, all attempts of a job together. */
  readonly queueMs: Spread
  /** From submission to the end of the last attempt. */
  readonly turnaroundMs: Spread
  /** Of the cluster's memory over the makespan: what finished runs used, and what was given to anyone. */
  readonly memoryUsedShare: number
  readonly memoryGivenShare: number
  /** Of the cluster's cores over the makespan: what finished runs used. */
  readonly cpuUsedShare: number
  /** Given and not used by runs that finished, and all that was given to runs that were killed. */
  readonly wastedGbHours: number
  readonly killedGbHours: number
  readonly finished: number
  readonly kills: number
  readonly retries: number
  readonly givenUp: number
}

export interface Spread {
  readonly mean: number
  readonly p50: number
  readonly p95: number
}

const gbHours = (bytes: number, ms: number) => (bytes / 1e9) * (ms / 3_600_000)

export function summarise(
  name: string,
  { attempts, givenUp }: SimulatedRun,
  { nodes, nodeMemoryBytes, nodeCores }: ClusterSettings,
): RunSummary {
  const queued = new Map<number, number>()
  const turnaround = new Map<number, number>()
  let [makespanMs, used, given, cpu, over, killed, kills] = [0, 0, 0, 0, 0, 0, 0]
  for (const attempt of attempts) {
    const { job, queuedMs, startMs, endMs, ranMs } = attempt
    queued.set(job.place, (queued.get(job.place) ?? 0) + startMs - queuedMs)
    turnaround.set(job.place, endMs - job.submitMs)
    makespanMs = Math.max(makespanMs, endMs)
    given += attempt.given.memoryBytes * ranMs
    if (attempt.killed) {
      kills++
      killed += gbHours(attempt.given.memoryBytes, ranMs)
    } else {
      used += job.peakBytes * ranMs
      cpu += job.usedCores * job.durationMs
      over += gbHours(attempt.given.memoryBytes - job.peakBytes, ranMs)
    }
  }
  const memoryTime = Math.max(1, nodes * nodeMemoryBytes * makespanMs)
  return {
    name,
    makespanMs,
    queueMs: spreadOf([...queued.values()]),
    turnaroundMs: spreadOf([...turnaround.values()]),
    memoryUsedShare: used / memoryTime,
    memoryGivenShare: given / memoryTime,
    cpuUsedShare: cpu / Math.max(1, nodes * nodeCores * makespanMs),
    wastedGbHours: over + killed,
    killedGbHours: killed,
    finished: attempts.length - kills,
    kills,
    retries: attempts.filter(({ attempt }) => attempt > 1).length,
    givenUp: givenUp.length,
  }
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (q: number) => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0
  const mean = sorted.reduce((sum, value) => sum + value, 0) / Math.max(1, sorted.length)
  return { mean, p50: at(0.5), p95: at(0.95) }
}
