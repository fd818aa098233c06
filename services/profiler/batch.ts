import { clipped } from '../../shared/domain/text.ts'
import { checkNamespace, type Principal } from '../../shared/rpc/principal.ts'
import { turn } from '../../shared/runtime/turns.ts'
import { toExecutionEnd, toExecutionStart, toLeaseMs } from '../../shared/wire/execution.ts'
import type { UsageBatch } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { type Inspection, inspect, inspection } from '../../shared/wire/inspection.ts'
import { limits } from '../../shared/wire/limits.ts'
import { checkSamples } from '../../shared/wire/samples.ts'
import type { Batch, EndEvent, Placed, Rejection, SamplesEvent, StartEvent } from './domain/session.ts'

export interface ReadBatch {
  readonly batch: Batch
  /** Events that were not well formed. */
  readonly rejections: readonly Rejection[]
}

/**
 * Reads a batch event by event: one that is not well formed is refused alone.
 * Throws: ForesizeError `invalid` where the batch as a whole is beyond its bounds.
 */
export async function readBatch(
  message: UsageBatch,
  defaultLeaseMs: number,
  principal: Principal,
): Promise<ReadBatch> {
  inspect((seen) => checkBounds(message, seen))
  const rejections: Rejection[] = []

  async function events<M extends { readonly executionId: string }, T>(
    name: string,
    messages: readonly M[],
    read: (message: M, path: string, seen: Inspection) => T,
  ): Promise<Placed<T>[]> {
    const good: Placed<T>[] = []
    for (let index = 0; index < messages.length; index++) {
      if (turn.isOver()) await turn.rest()
      const event = messages[index] as M
      const path = `${name}[${index}]`
      const seen = inspection()
      const value = read(event, path, seen)
      if (seen.violations.length === 0) good.push({ ...value, path })
      else rejections.push({ executionId: shortened(event.executionId), violations: seen.violations })
    }
    return good
  }

  const starts = await events('starts', message.starts, (given, path, seen): StartEvent => {
    const start = toExecutionStart(given, path, seen)
    checkNamespace(principal, start.task.namespace, `${path}.task.namespace`, seen)
    return { start, leaseMs: toLeaseMs(given, path, seen) || defaultLeaseMs }
  })
  const samples = await events(
    'samples',
    message.samples,
    (columns, path, seen): SamplesEvent => ({
      executionId: columns.executionId,
      columns: checkSamples(columns, path, seen),
    }),
  )
  const ends = await events(
    'ends',
    message.ends,
    (end, path, seen): EndEvent => toExecutionEnd(end, path, seen),
  )
  return { batch: { sequence: message.sequence, starts, samples, ends }, rejections }
}

function checkBounds(message: UsageBatch, seen: Inspection): void {
  if (message.sequence === 0) seen.reject('batch.sequence', 'must be at least 1')
  for (const name of ['starts', 'samples', 'ends'] as const) {
    const { length } = message[name]
    if (length > limits.events)
      seen.reject(`batch.${name}`, `must be at most ${limits.events}, are ${length}`)
  }
  let samples = 0
  for (const { elapsedDeltaMs } of message.samples) samples += elapsedDeltaMs.length
  if (samples > limits.batchSamples) {
    seen.reject('batch.samples', `must hold at most ${limits.batchSamples} samples, hold ${samples}`)
  }
}

/** An id that is itself at fault is not sent back whole. */
const shortened = (executionId: string) => clipped(executionId, limits.nameBytes)
