import { adjust, bestFit } from '../../services/scheduler/domain/placement.ts'
import type { Resources } from '../../shared/domain/resources.ts'
import { createEventQueue } from './event-queue.ts'
import { shareUntilKilled, type TimeToFailure } from './failure.ts'
import type { Job } from './jobs.ts'

/** What a way to size jobs is told and asked. Times are of the simulation, milliseconds from its start. */
export interface Sizer {
  readonly name: string
  /** Asked whenever the job might start: what is known by then. `failedBytes` did not suffice for the attempt before. */
  size(job: Job, attempt: number, failedBytes: number | undefined, nowMs: number): JobSize
  /** The attempt ended. `killed`: for want of memory, after `ranMs`. */
  ended(attempt: EndedAttempt, nowMs: number): void
}

export interface JobSize {
  readonly memoryBytes: number
  readonly cpuCores: number
}

export interface EndedAttempt {
  readonly job: Job
  readonly attempt: number
  readonly given: JobSize
  readonly ranMs: number
  readonly killed: boolean
}

export interface ClusterSettings {
  readonly nodes: number
  readonly nodeMemoryBytes: number
  readonly nodeCores: number
  /** When an execution that lacks memory is killed. */
  readonly timeToFailure: TimeToFailure
  /** Attempts before a job is given up. */
  readonly maxAttempts: number
  /** Jobs looked at behind the head of the queue for one that fits. */
  readonly lookahead: number
  /** Times that a job at the head is passed before the queue waits for it. */
  readonly maxPassed: number
}

/** One attempt as it went. */
export interface Attempt extends EndedAttempt {
  /** When it came into the queue: at the submission, or when the attempt before was killed. */
  readonly queuedMs: number
  readonly startMs: number
  readonly endMs: number
}

export interface Moment {
  readonly atMs: number
  readonly queued: number
  readonly givenBytes: number
  readonly usedBytes: number
}

export interface SimulatedRun {
  /** In order of their end. */
  readonly attempts: readonly Attempt[]
  readonly givenUp: readonly Job[]
  /** After every change, in order of time. */
  readonly moments: readonly Moment[]
}

interface Waiting {
  readonly job: Job
  readonly attempt: number
  readonly failedBytes: number | undefined
  readonly queuedMs: number
  passed: number
}

interface Running extends Waiting {
  readonly given: JobSize
  readonly startMs: number
  readonly ranMs: number
  readonly killed: boolean
  readonly node: Node
}

interface Node {
  readonly name: string
  free: Resources
}

/**
 * A cluster of equal nodes: first come first served, best fit, a later job that fits may pass one that does not, a
 * bounded number of times. A job is killed where it needs more memory than it was given, and waits again in its old
 * place, before all that were submitted later; one that was given fewer cores than it uses takes as much longer.
 * Law: a function of its arguments, as far as the sizer is one.
 */
export function simulate(jobs: readonly Job[], sizer: Sizer, settings: ClusterSettings): SimulatedRun {
  const capacity = { memoryBytes: settings.nodeMemoryBytes, cpuCores: settings.nodeCores }
  const nodes: Node[] = Array.from({ length: settings.nodes }, (_, i) => ({ name: `${i}`, free: capacity }))
  const running = createEventQueue<Running>()
  const queue: Waiting[] = []
  const attempts: Attempt[] = []
  const givenUp: Job[] = []
  const moments: Moment[] = []
  let arrived = 0
  let givenBytes = 0
  let usedBytes = 0

  function arrive(nowMs: number): void {
    for (; arrived < jobs.length; arrived++) {
      const job = jobs[arrived] as Job
      if (job.submitMs > nowMs) return
      queue.push({ job, attempt: 1, failedBytes: undefined, queuedMs: job.submitMs, passed: 0 })
    }
  }

  function end(run: Running, nowMs: number): void {
    const { job, attempt, given, startMs, queuedMs, killed, ranMs, node } = run
    node.free = adjust(node.free, given, 1)
    givenBytes -= given.memoryBytes
    usedBytes -= Math.min(job.peakBytes, given.memoryBytes)
    const ended = { job, attempt, given, ranMs, killed }
    attempts.push({ ...ended, queuedMs, startMs, endMs: nowMs })
    sizer.ended(ended, nowMs)
    if (!killed) return
    if (attempt >= settings.maxAttempts) givenUp.push(job)
    else {
      const failedBytes = given.memoryBytes
      const place = queue.findIndex((waiting) => waiting.job.place > job.place)
      const again = { job, attempt: attempt + 1, failedBytes, queuedMs: nowMs, passed: 0 }
      queue.splice(place < 0 ? queue.length : place, 0, again)
    }
  }

  function start(waiting: Waiting, given: JobSize, node: Node, nowMs: number): void {
    const { job } = waiting
    const fullMs = job.durationMs * Math.max(1, job.usedCores / given.cpuCores)
    const killed = given.memoryBytes < job.peakBytes
    const share = killed ? shareUntilKilled(given.memoryBytes, job.peakBytes, settings.timeToFailure) : 1
    const ranMs = fullMs * share
    node.free = adjust(node.free, given, -1)
    givenBytes += given.memoryBytes
    usedBytes += Math.min(job.peakBytes, given.memoryBytes)
    running.add(nowMs + ranMs, { ...waiting, given, startMs: nowMs, ranMs, killed, node })
  }

  function place(nowMs: number): void {
    for (let at = 0; at < Math.min(queue.length, settings.lookahead); ) {
      if (!nodes.some(hasRoom)) return
      const waiting = queue[at] as Waiting
      const given = held(sizer.size(waiting.job, waiting.attempt, waiting.failedBytes, nowMs), capacity)
      const node = bestFit(nodes, given)
      if (node !== undefined) {
        for (let ahead = 0; ahead < at; ahead++) (queue[ahead] as Waiting).passed++
        queue.splice(at, 1)
        start(waiting, given, node, nowMs)
      } else if (waiting.passed < settings.maxPassed) at++
      else return
    }
  }

  for (;;) {
    const nextMs = Math.min(
      jobs[arrived]?.submitMs ?? Number.POSITIVE_INFINITY,
      running.nextMs() ?? Number.POSITIVE_INFINITY,
    )
    if (nextMs === Number.POSITIVE_INFINITY) break
    while ((running.nextMs() ?? Number.POSITIVE_INFINITY) <= nextMs) end(running.take() as Running, nextMs)
    arrive(nextMs)
    place(nextMs)
    moments.push({ atMs: nextMs, queued: queue.length, givenBytes, usedBytes })
  }
  return { attempts, givenUp, moments }
}

function hasRoom({ free }: Node): boolean {
  return (free.memoryBytes ?? 0) > 0 && (free.cpuCores ?? 0) > 0
}

/** No job is given more than a node has. */
function held({ memoryBytes, cpuCores }: JobSize, capacity: JobSize): JobSize {
  return {
    memoryBytes: Math.min(memoryBytes, capacity.memoryBytes),
    cpuCores: Math.min(cpuCores, capacity.cpuCores),
  }
}
