import type { ExecutionEnd, ExecutionStart } from '../../shared/wire/gen/foresize/v1/execution.ts'
import type { UsageBatch } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { limits } from '../../shared/wire/limits.ts'
import type { UsageSample } from './sampler.ts'
import { thin, toUsageSamples } from './samples.ts'

export interface SpoolOptions {
  /** Samples held before they are thinned; at least four an execution. Default 100,000 (about 10 MB). */
  readonly maxSamples?: number
  /** Executions whose end is not yet acknowledged, before new ones go unrecorded. Default 20,000. */
  readonly maxExecutions?: number
  /** Bytes of one batch, about. Default 256 KiB. */
  readonly maxBatchBytes?: number
}

/**
 * Events that wait, then batches that wait for their acknowledgement.
 * Law: a start that was taken is never dropped, nor its end; samples are thinned before that, never lost whole.
 * Order: within a batch and over batches, an execution's start comes before its samples, and they before its end.
 */
export interface Spool {
  /** False where the spool is full: then nothing of this execution may be added. */
  start(start: ExecutionStart): boolean
  sample(executionId: string, sample: UsageSample): void
  end(end: ExecutionEnd): void
  /** Moves waiting events into the next batch, undefined where none may be sent. It stays until it is acknowledged. */
  nextBatch(): UsageBatch | undefined
  /** Executions that the server keeps open in one session: a start above waits until another has ended. */
  limitOpen(most: number): void
  /** In order of their sequence. */
  unacknowledged(): readonly UsageBatch[]
  /** Forgets what is stored. Returns false where the server claims more than was sent, or less than it had said. */
  acknowledge(durableSequence: number): boolean
  /**
   * The server has lost the session: numbers the unacknowledged batches from 1 again, behind the starts of every
   * execution whose end is not acknowledged, since the server may have lost those too.
   */
  restart(): void
  size(): SpoolSize
  /** Lets go of what it holds outside memory. */
  close(): void
}

export interface SpoolSize {
  readonly waitingExecutions: number
  readonly waitingSamples: number
  readonly unacknowledgedBatches: number
  /** Whose end is not yet acknowledged. */
  readonly executions: number
  /** Samples joined with a neighbour for want of room, ever. */
  readonly thinnedSamples: number
}

interface Waiting {
  start?: ExecutionStart
  samples: UsageSample[]
  sinceMs: number
  end?: ExecutionEnd
}

interface Known {
  readonly start: ExecutionStart
  /** Where the samples moved into batches end. */
  sentMs: number
  ended: boolean
  /** Its start is in a batch, its end is not. */
  isOpen: boolean
}

/** What a server keeps open that does not say. */
export const defaultMaxOpen = 1000

export function createSpool(options: SpoolOptions = {}): Spool {
  const { maxExecutions = 20_000, maxBatchBytes = 256 * 1024 } = options
  const maxSamples = Math.max(options.maxSamples ?? 100_000, 4 * maxExecutions)
  const waiting = new Map<string, Waiting>()
  /** Until the end is acknowledged. */
  const known = new Map<string, Known>()
  let unacknowledged: UsageBatch[] = []
  let sequence = 0
  let waitingSamples = 0
  let thinnedSamples = 0
  let open = 0
  let maxOpen = defaultMaxOpen

  function waitingOf(executionId: string): Waiting {
    let entry = waiting.get(executionId)
    if (entry === undefined) {
      entry = { samples: [], sinceMs: known.get(executionId)?.sentMs ?? 0 }
      waiting.set(executionId, entry)
    }
    return entry
  }

  function thinEntry(entry: Waiting): void {
    const gone = thin(entry)
    waitingSamples -= gone
    thinnedSamples += gone
  }

  function acknowledge(durableSequence: number): boolean {
    const first = unacknowledged[0]?.sequence ?? sequence + 1
    if (durableSequence > sequence || durableSequence < first - 1) return false
    for (const { ends } of unacknowledged.slice(0, durableSequence - first + 1)) {
      for (const { executionId } of ends) known.delete(executionId)
    }
    unacknowledged = unacknowledged.slice(durableSequence - first + 1)
    return true
  }

  return {
    start(start) {
      const { executionId } = start
      if (known.size >= maxExecutions || known.has(executionId)) return false
      known.set(executionId, { start, sentMs: 0, ended: false, isOpen: false })
      waitingOf(executionId).start = start
      return true
    },

    sample(executionId, sample) {
      if (known.get(executionId)?.ended !== false) return
      const entry = waitingOf(executionId)
      entry.samples.push(sample)
      waitingSamples++
      if (entry.samples.length >= limits.samples) thinEntry(entry)
      if (waitingSamples > maxSamples) for (const each of waiting.values()) thinEntry(each)
    },

    end(end) {
      const execution = known.get(end.executionId)
      if (execution?.ended !== false) return
      execution.ended = true
      waitingOf(end.executionId).end = end
    },

    nextBatch() {
      const starts: ExecutionStart[] = []
      const samples: ReturnType<typeof toUsageSamples>[] = []
      const ends: ExecutionEnd[] = []
      let bytes = 0
      let taken = 0
      for (const [executionId, entry] of waiting) {
        const execution = known.get(executionId) as Known
        if (entry.start !== undefined && entry.end === undefined && open >= maxOpen) continue
        bytes += bytesOf(entry)
        const full = bytes > maxBatchBytes || taken + 1 > limits.events
        if (taken > 0 && full) break
        taken++
        waiting.delete(executionId)
        waitingSamples -= entry.samples.length
        if (entry.start !== undefined) starts.push(entry.start)
        if (entry.samples.length > 0) {
          samples.push(toUsageSamples(executionId, entry.samples, execution.sentMs))
          execution.sentMs = entry.samples.at(-1)?.elapsedMs ?? 0
        }
        if (entry.end !== undefined) ends.push(entry.end)
        const isOpen = entry.end === undefined
        open += Number(isOpen) - Number(execution.isOpen)
        execution.isOpen = isOpen
      }
      if (taken === 0) return undefined
      const batch: UsageBatch = { sequence: ++sequence, starts, samples, ends }
      unacknowledged.push(batch)
      return batch
    },

    limitOpen(most) {
      maxOpen = most
    },

    unacknowledged: () => unacknowledged,
    acknowledge,

    restart() {
      const kept = new Set(
        unacknowledged.flatMap(({ starts }) => starts.map(({ executionId }) => executionId)),
      )
      const starts = [...known.values()]
        .map(({ start }) => start)
        .filter(({ executionId }) => !kept.has(executionId) && waiting.get(executionId)?.start === undefined)
      const again: UsageBatch[] = []
      for (let from = 0; from < starts.length; from += limits.events / 4) {
        again.push({
          sequence: 0,
          starts: starts.slice(from, from + limits.events / 4),
          samples: [],
          ends: [],
        })
      }
      const rebased = rebaseSamples(unacknowledged, known)
      unacknowledged = [...again, ...rebased].map((batch, index) => ({ ...batch, sequence: index + 1 }))
      sequence = unacknowledged.length
    },

    size: () => ({
      waitingExecutions: waiting.size,
      waitingSamples,
      unacknowledgedBatches: unacknowledged.length,
      executions: known.size,
      thinnedSamples,
    }),
    close() {},
  }
}

/** Sample times count from the start again: what was acknowledged of them may be lost with the session. */
function rebaseSamples(batches: readonly UsageBatch[], known: ReadonlyMap<string, Known>): UsageBatch[] {
  const behindMs = new Map([...known].map(([executionId, { sentMs }]) => [executionId, Math.round(sentMs)]))
  const sent = new Set<string>()
  for (const { executionId, elapsedDeltaMs } of batches.flatMap(({ samples }) => samples)) {
    const pendingMs = elapsedDeltaMs.reduce((sum, delta) => sum + delta, 0)
    behindMs.set(executionId, (behindMs.get(executionId) ?? 0) - pendingMs)
    sent.add(executionId)
  }
  for (const [executionId, execution] of known) if (!sent.has(executionId)) execution.sentMs = 0
  return batches.map((batch) => ({
    ...batch,
    samples: batch.samples.map((columns) => {
      if (!sent.delete(columns.executionId)) return columns
      const [first = 0, ...rest] = columns.elapsedDeltaMs
      const behind = Math.max(0, behindMs.get(columns.executionId) ?? 0)
      return { ...columns, elapsedDeltaMs: [first + behind, ...rest] }
    }),
  }))
}

/** Bytes on the wire, about. */
function bytesOf({ start, samples, end }: Waiting): number {
  let bytes = samples.length * 24
  if (end !== undefined) bytes += 128
  if (start !== undefined) {
    bytes += 256 + start.estimateToken.length
    for (const [key, value] of Object.entries(start.labels)) bytes += key.length + value.length + 8
    for (const key of Object.keys(start.features)) bytes += key.length + 16
  }
  return bytes
}
