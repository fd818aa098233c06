import { outcomeEnum } from '../../shared/wire/enums.ts'
import type {
  ExecutionEnd,
  ExecutionStart,
  UsageSamples,
} from '../../shared/wire/gen/foresize/v1/execution.ts'
import type { UsageBatch } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { openJournal, recoverJournal } from './journal.ts'
import type { UsageSample } from './sampler.ts'
import { joinSamples, toUsageSamples } from './samples.ts'
import type { Spool } from './spool.ts'

export interface JournalOptions {
  /** Folder of the spool on disk; may be shared by many processes. */
  readonly spoolFolder: string
  /** Every event waits for the disk: survives the machine, not only the process. Default false. */
  readonly spoolFsync?: boolean
  /** Bytes on disk above which new executions go unrecorded. Default 64 MiB. */
  readonly maxSpoolBytes?: number
  /** Bytes of a file before the next is begun. Default 1 MiB. */
  readonly spoolFileBytes?: number
  /** The disk does not take it: the spool goes on in memory. */
  readonly onSpoolError: (error: unknown) => void
}

/**
 * A spool that keeps on disk what is not yet acknowledged. What a process left behind is sent by the next one that
 * opens the folder, on the same host; executions it left open are ended as LOST. The server folds an execution once, so that what had
 * arrived before the process died does not count twice.
 * Samples are kept as one a execution, written with its end.
 */
export function journaledSpool(spool: Spool, options: JournalOptions): Spool {
  const { spoolFolder, maxSpoolBytes = 64 * 2 ** 20, spoolFileBytes = 2 ** 20, onSpoolError } = options
  const open = new Map<string, { readonly start: ExecutionStart; joined?: UsageSample }>()
  /** Files that may go once this sequence is durable. */
  let pending: { readonly file: number; readonly sequence: number }[] = []
  let sequence = 0
  let durable = 0
  let fileBytes = 0
  let mayHaveMore = true

  const guarded = <T>(work: () => T, otherwise: T): T => {
    try {
      return work()
    } catch (error) {
      onSpoolError(error)
      return otherwise
    }
  }
  const fsync = options.spoolFsync ?? false
  const journal = guarded(() => openJournal(spoolFolder, { fsync }), undefined)

  function append(events: Parameters<NonNullable<typeof journal>['append']>[0]): void {
    guarded(() => {
      const before = journal?.size() ?? 0
      journal?.append(events)
      fileBytes += (journal?.size() ?? 0) - before
    }, undefined)
  }

  /** A new file that begins with what is still open, so that the one before may go. */
  function rotate(): void {
    if (journal === undefined) return
    while (nextBatch() !== undefined);
    const file = guarded(() => journal.rotate(), undefined)
    if (file === undefined) return
    fileBytes = 0
    for (const { start } of open.values()) append({ starts: [start] })
    pending.push({ file, sequence })
    dropDurable()
  }

  function dropDurable(): void {
    const gone = pending.filter((each) => each.sequence <= durable)
    pending = pending.filter((each) => each.sequence > durable)
    for (const { file } of gone) guarded(() => journal?.dropThrough(file), undefined)
  }

  function nextBatch(): ReturnType<Spool['nextBatch']> {
    const batch = spool.nextBatch()
    if (batch !== undefined) sequence = batch.sequence
    return batch
  }

  function start(each: ExecutionStart): boolean {
    if ((journal?.size() ?? 0) > maxSpoolBytes || !spool.start(each)) return false
    open.set(each.executionId, { start: each })
    append({ starts: [each] })
    return true
  }

  function end(each: ExecutionEnd): void {
    const execution = open.get(each.executionId)
    if (execution === undefined) return
    open.delete(each.executionId)
    const samples =
      execution.joined === undefined ? [] : [toUsageSamples(each.executionId, [execution.joined])]
    append({ samples, ends: [each] })
    spool.end(each)
    if (fileBytes > spoolFileBytes) rotate()
  }

  function sample(executionId: string, each: UsageSample): void {
    const execution = open.get(executionId)
    if (execution === undefined) return
    execution.joined = execution.joined === undefined ? each : joinSamples(execution.joined, each, 0)
    spool.sample(executionId, each)
  }

  /** A file at a time, while the spool has room for what one may hold. */
  function recover(): void {
    while (mayHaveMore && spool.size().executions < maxRecoveredExecutions) {
      const recovered = guarded(() => recoverJournal(spoolFolder), undefined)
      mayHaveMore = recovered !== undefined
      if (recovered === undefined) return
      if (recovered.isDamaged) onSpoolError(new Error('a file of the spool ends in damage'))
      replay(recovered.batches)
      guarded(() => recovered.discard(), undefined)
    }
  }

  function replay(batches: readonly UsageBatch[]): void {
    const left = new Set<string>()
    for (const { starts, samples, ends } of batches) {
      for (const each of starts) if (start(each)) left.add(each.executionId)
      for (const each of samples) sample(each.executionId, firstSample(each))
      for (const each of ends) {
        end(each)
        left.delete(each.executionId)
      }
    }
    for (const executionId of left)
      end({ executionId, outcome: outcomeEnum.toWire('lost'), used: undefined, source: 0 })
  }

  recover()
  return {
    ...spool,
    start,
    sample,
    end,
    nextBatch,
    acknowledge(durableSequence) {
      if (!spool.acknowledge(durableSequence)) return false
      durable = durableSequence
      dropDurable()
      const { waitingExecutions, unacknowledgedBatches, executions } = spool.size()
      recover()
      const isIdle = waitingExecutions + unacknowledgedBatches + executions === 0
      if (isIdle && fileBytes > 0) rotate()
      return true
    },
    restart() {
      spool.restart()
      const last = spool.unacknowledged().at(-1)?.sequence ?? 0
      sequence = last
      durable = 0
      // Sequences begin anew: no file may go before all that is on the way is durable.
      pending = pending.map(({ file }) => ({ file, sequence: last }))
    },
    close() {
      const { waitingExecutions, unacknowledgedBatches } = spool.size()
      const isStored = waitingExecutions + unacknowledgedBatches === 0 && open.size === 0
      guarded(() => {
        journal?.close()
        if (isStored) journal?.dropThrough(Number.POSITIVE_INFINITY)
      }, undefined)
    },
  }
}

/** Executions under way above which no further file is recovered. */
const maxRecoveredExecutions = 1000

function firstSample({
  elapsedDeltaMs,
  cpuCores,
  memoryBytes,
  diskBytes,
  gpuMemoryBytes,
}: UsageSamples): UsageSample {
  return {
    elapsedMs: elapsedDeltaMs[0] ?? 0,
    cpuCores: cpuCores[0],
    memoryBytes: memoryBytes[0],
    diskBytes: diskBytes[0],
    gpuMemoryBytes: gpuMemoryBytes[0],
  }
}
