import { ForesizeError } from '../../shared/domain/errors.ts'
import type { ExecutionStart } from '../../shared/domain/execution.ts'
import { type Principal, scopeOf } from '../../shared/rpc/principal.ts'
import type { ReportEndRequest } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { type Claim, claimOf } from './claim.ts'
import { type EndEvent, isOfOtherTask, type Placed, type Session } from './domain/session.ts'
import type { Ingestion } from './ingestion.ts'
import { lateSessionsOf } from './late-ends.ts'
import { readToldEnd } from './told-end.ts'
import { unarySessionOf } from './unary-profiling.ts'

/** Sessions that hold one execution alone, by its id: a unary one, one of `foresize run`, those that were lost. */
const sessionsOf = (executionId: string, namespaces: readonly string[] | undefined) => [
  unarySessionOf(executionId),
  `run:${executionId}`,
  ...lateSessionsOf(executionId, namespaces),
]

/**
 * Ends from outside an execution whose worker cannot. Resolves to whether that changed anything, once durable: not where
 * an end was known.
 * Law: an execution of a namespace that is not the caller's is not there.
 */
export async function reportEnd(
  ingestion: Ingestion,
  request: ReportEndRequest,
  defaultLeaseMs: number,
  principal: Principal,
): Promise<boolean> {
  const { end, started } = readToldEnd(request, defaultLeaseMs, principal)
  const claim = claimOf(principal, undefined)
  const namespaces = claim.namespaces ?? (started && [started.start.task.namespace])
  let isKnown = false
  for (const sessionId of sessionsOf(end.executionId, namespaces)) {
    const session = await ingestion.look(sessionId, claim)
    if (session === undefined || (started && !mayHold(session, started.start))) continue
    isKnown = true
    if (!session.open.has(end.executionId)) continue
    // Where another session has told its loss already, the end is for the session that holds what was lost.
    if (await endIn(ingestion, sessionId, end, claim)) return true
  }
  if (isKnown) return false
  if (started === undefined) {
    throw new ForesizeError(
      'not-found',
      `execution ${end.executionId} has no session of its own here, and was not lost within the grace for late ends: send its start too, or, where its worker streams many, again once its lease is over`,
    )
  }
  const { start } = started
  await ingestion.letIn([start.task.namespace], scopeOf(principal))
  const refused = ingestion.refuseNamespace(start.task.namespace, scopeOf(principal))
  if (refused) throw new ForesizeError('overloaded', refused)
  const [folded = false] = await ingestion.fold([{ ...start, ...end, endedAtUnixMs: 0 }], scopeOf(principal))
  return folded
}

/** Whether a session that holds, or held, an execution of that id may have had this one: ids are of their tenants. */
function mayHold({ open, scope }: Session, start: ExecutionStart): boolean {
  const opened = open.get(start.executionId)
  if (opened) return !isOfOtherTask(opened, start)
  return scope === undefined || scope === 'all' || scope.includes(start.task.namespace)
}

/** More batches than a worker has under way: it finds its session not as it left it, and tells all anew. */
const beyondTheWorker = 2 ** 20

async function endIn(
  ingestion: Ingestion,
  sessionId: string,
  end: Placed<EndEvent>,
  claim: Claim,
): Promise<boolean> {
  const { folded } = await ingestion.once(sessionId, claim, ({ sequence, open }) =>
    open.has(end.executionId)
      ? { sequence: sequence + beyondTheWorker, starts: [], samples: [], ends: [end] }
      : undefined,
  )
  return folded[0] ?? false
}
