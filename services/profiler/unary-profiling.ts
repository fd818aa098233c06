import { ForesizeError, invalid } from '../../shared/domain/errors.ts'
import type { ExecutionRecord } from '../../shared/domain/execution.ts'
import { authorize, type Principal, scopeOf } from '../../shared/rpc/principal.ts'
import { turn } from '../../shared/runtime/turns.ts'
import { toExecutionRecord } from '../../shared/wire/execution.ts'
import type {
  EndProfilingRequest,
  StartProfilingRequest,
  UpdateProfileRequest,
} from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { type Inspection, inspect, inspection } from '../../shared/wire/inspection.ts'
import { limits } from '../../shared/wire/limits.ts'
import { claimOf } from './claim.ts'
import { isOfOtherTask, otherTask, type Placed, type Session, type StartEvent } from './domain/session.ts'
import type { Ingestion } from './ingestion.ts'
import { readStart, readToldEnd } from './told-end.ts'

/** An execution that nobody streams has a session of its own. */
export const unarySessionOf = (executionId: string) => `unary:${executionId}`

/** Resolves to the lease once the execution is open and durable. A repeat changes nothing; another task is refused. */
export async function startProfiling(
  ingestion: Ingestion,
  { start: message }: StartProfilingRequest,
  defaultLeaseMs: number,
  principal: Principal,
): Promise<number> {
  const event = inspect((seen) => readStart(message, defaultLeaseMs, seen))
  const { executionId, task } = event.start
  authorize(principal, task.namespace)
  const claim = claimOf(principal, [task.namespace])
  await ingestion.letIn([task.namespace], claim.scope)
  const { rejections } = await ingestion.once(unarySessionOf(executionId), claim, (session) => {
    requireItsTask(session, event)
    return session.sequence > 0 ? undefined : { sequence: 1, starts: [event], samples: [], ends: [] }
  })
  if (rejections[0])
    throw new ForesizeError('overloaded', rejections[0].violations[0]?.description ?? 'refused')
  return event.leaseMs
}

/** Resolves to whether the execution was folded now, once durable. */
export async function endProfiling(
  ingestion: Ingestion,
  request: EndProfilingRequest,
  defaultLeaseMs: number,
  principal: Principal,
): Promise<boolean> {
  const { end, started: start } = readToldEnd(request, defaultLeaseMs, principal)
  const claim = claimOf(principal, start && [start.start.task.namespace])
  if (start) await ingestion.letIn([start.start.task.namespace], claim.scope)
  const { folded, rejections } = await ingestion.once(
    unarySessionOf(end.executionId),
    claim,
    (session: Session) => {
      const sequence = session.sequence + 1
      const opened = session.open.get(end.executionId)
      if (start) requireItsTask(session, start)
      if (opened) return { sequence, starts: [], samples: [], ends: [end] }
      if (session.sequence > 0) return undefined
      if (!start) throw new ForesizeError('not-found', `execution ${end.executionId} was not started here`)
      return { sequence, starts: [start], samples: [], ends: [end] }
    },
  )
  if (rejections[0])
    throw new ForesizeError('overloaded', rejections[0].violations[0]?.description ?? 'refused')
  return folded[0] ?? false
}

function requireItsTask({ open }: Session, { start, path }: Placed<StartEvent>): void {
  if (isOfOtherTask(open.get(start.executionId), start)) {
    throw invalid([{ field: `${path}.task`, description: otherTask }])
  }
}

export interface UpdateResult {
  readonly folded: number
  readonly repeatedExecutions: number
  readonly rejections: readonly { readonly index: number; readonly violations: Inspection['violations'] }[]
}

/** Folds finished executions, in the order they ended where all of them say when. */
export async function updateProfile(
  ingestion: Ingestion,
  { executions }: UpdateProfileRequest,
  principal: Principal,
): Promise<UpdateResult> {
  if (executions.length === 0 || executions.length > limits.events) {
    throw invalid([
      { field: 'executions', description: `must be 1 to ${limits.events}, are ${executions.length}` },
    ])
  }
  const scope = scopeOf(principal)
  const read: { readonly index: number; readonly record: ExecutionRecord; readonly seen: Inspection }[] = []
  for (const [index, message] of executions.entries()) {
    if (turn.isOver()) await turn.rest()
    const seen = inspection()
    read.push({ index, record: toExecutionRecord(message, `executions[${index}]`, seen), seen })
  }
  const isGood = ({ seen }: (typeof read)[number]) => seen.violations.length === 0
  await ingestion.letIn(
    read.filter(isGood).map(({ record }) => record.task.namespace),
    scope,
  )
  const records: ExecutionRecord[] = []
  const rejections: { index: number; violations: Inspection['violations'] }[] = []
  for (const one of read) {
    const { index, record, seen } = one
    const refused = isGood(one) ? ingestion.refuseNamespace(record.task.namespace, scope) : undefined
    if (refused) seen.reject(`executions[${index}].task.namespace`, refused)
    if (isGood(one)) records.push(record)
    else rejections.push({ index, violations: seen.violations })
  }
  if (records.length === 0) throw invalid(rejections.flatMap(({ violations }) => violations))
  const results = await ingestion.fold(inOrderOfEnd(records), scope)
  const folded = results.filter(Boolean).length
  return { folded, repeatedExecutions: results.length - folded, rejections }
}

function inOrderOfEnd(records: readonly ExecutionRecord[]): readonly ExecutionRecord[] {
  if (records.some(({ endedAtUnixMs }) => endedAtUnixMs === 0)) return records
  return records.toSorted((a, b) => a.endedAtUnixMs - b.endedAtUnixMs)
}
