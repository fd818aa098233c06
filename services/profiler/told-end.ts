import { invalid } from '../../shared/domain/errors.ts'
import { authorize, type Principal } from '../../shared/rpc/principal.ts'
import { toExecutionEnd, toExecutionStart, toLeaseMs } from '../../shared/wire/execution.ts'
import type * as gen from '../../shared/wire/gen/foresize/v1/execution.ts'
import { type Inspection, inspect } from '../../shared/wire/inspection.ts'
import type { EndEvent, Placed, StartEvent } from './domain/session.ts'

/** How an execution ended, and its start where the profiler may not know it. */
export interface ToldEnd {
  readonly end: Placed<EndEvent>
  readonly started: Placed<StartEvent> | undefined
}

/** Throws: ForesizeError `invalid`; `forbidden` for a start in a namespace that is not the caller's. */
export function readToldEnd(
  {
    end: message,
    start,
  }: { readonly end?: gen.ExecutionEnd | undefined; readonly start?: gen.ExecutionStart | undefined },
  defaultLeaseMs: number,
  principal: Principal,
): ToldEnd {
  const told = inspect((seen) => {
    if (message === undefined) seen.reject('end', 'is required')
    return {
      end: { ...toExecutionEnd(message ?? noEnd, 'end', seen), path: 'end' },
      started: start && readStart(start, defaultLeaseMs, seen),
    }
  })
  if (told.started && told.started.start.executionId !== told.end.executionId) {
    throw invalid([{ field: 'start.execution_id', description: 'must be that of end' }])
  }
  if (told.started) authorize(principal, told.started.start.task.namespace)
  return told
}

export function readStart(
  message: gen.ExecutionStart | undefined,
  defaultLeaseMs: number,
  seen: Inspection,
): Placed<StartEvent> {
  if (message === undefined) seen.reject('start', 'is required')
  const given = message ?? noStart
  return {
    start: toExecutionStart(given, 'start', seen),
    leaseMs: toLeaseMs(given, 'start', seen) || defaultLeaseMs,
    path: 'start',
  }
}

const noEnd: gen.ExecutionEnd = { executionId: '', outcome: 0, used: undefined, source: 0 }

const noStart: gen.ExecutionStart = {
  executionId: '',
  attempt: 0,
  features: {},
  labels: {},
  estimateToken: Buffer.alloc(0),
  weight: 0,
  leaseMs: 0,
}
