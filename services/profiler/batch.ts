import { clipped } from '../../shared/domain/text.ts'
import { checkNamespace, type Principal } from '../../shared/rpc/principal.ts'
import { turn } from '../../shared/runtime/turns.ts'
import { toExecutionEnd, toExecutionStart, toLeaseMs } from '../../shared/wire/execution.ts'
import type * as gen from '../../shared/wire/gen/foresize/v1/execution.ts'
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
    name: EventKind,
    messages: readonly M[],
    read: (message: M, path: string, seen: Inspection) => Placed<T>,
  ): Promise<Placed<T>[]> {
    const good: Placed<T>[] = []
    let path = ''
    const inspectionHere = () => inspection(() => `${path}.`)
    let seen = inspectionHere()
    for (let index = 0; index < messages.length; index++) {
      if (turn.isOver()) await turn.rest()
      const event = messages[index] as M
      path = pathOf(name, index)
      const value = read(event, path, seen)
      if (seen.violations.length === 0) {
        good.push(value)
        continue
      }
      rejections.push({ executionId: shortened(event.executionId), violations: seen.violations })
      seen = inspectionHere()
    }
    return good
  }

  const starts = await events<gen.ExecutionStart, StartEvent>(
    'starts',
    message.starts,
    (given, path, seen) => {
      const start = toExecutionStart(given, '', seen)
      checkNamespace(principal, start.task.namespace, 'task.namespace', seen)
      return { start, leaseMs: toLeaseMs(given, '', seen) || defaultLeaseMs, path }
    },
  )
  const samples = await events<gen.UsageSamples, SamplesEvent>(
    'samples',
    message.samples,
    (columns, path, seen) => ({
      executionId: columns.executionId,
      columns: checkSamples(columns, seen),
      path,
    }),
  )
  const ends = await events<gen.ExecutionEnd, EndEvent>('ends', message.ends, (end, path, seen) => ({
    ...toExecutionEnd(end, '', seen),
    path,
  }))
  return { batch: { sequence: message.sequence, starts, samples, ends }, rejections }
}

const eventKinds = ['starts', 'samples', 'ends'] as const
type EventKind = (typeof eventKinds)[number]

/** Paths of events as they were needed, at most `limits.events` of each kind. */
const paths: Readonly<Record<EventKind, string[]>> = { starts: [], samples: [], ends: [] }

function pathOf(kind: EventKind, index: number): string {
  const known = paths[kind][index]
  if (known !== undefined) return known
  const path = `${kind}[${index}]`
  paths[kind][index] = path
  return path
}

function checkBounds(message: UsageBatch, seen: Inspection): void {
  if (message.sequence === 0) seen.reject('batch.sequence', 'must be at least 1')
  for (const name of eventKinds) {
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
