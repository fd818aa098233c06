import { ForesizeError, invalid } from '../../shared/domain/errors.ts'
import { authorize, type Principal } from '../../shared/rpc/principal.ts'
import { toExecutionEnd } from '../../shared/wire/execution.ts'
import type { ReportEndRequest } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { inspect } from '../../shared/wire/inspection.ts'
import { claimOf } from './claim.ts'
import type { EndEvent, Placed } from './domain/session.ts'
import type { Ingestion } from './ingestion.ts'
import { lateSessionOf } from './late-ends.ts'
import { noEnd, readStart, unarySessionOf } from './unary-profiling.ts'

/** Sessions that hold one execution alone, by its id: a unary one, one of `foresize run`, one that was lost. */
const sessionsOf = (executionId: string) => [
  unarySessionOf(executionId),
  `run:${executionId}`,
  lateSessionOf(executionId),
]

/**
 * Ends from outside an execution whose worker cannot. Resolves to whether that changed anything, once durable: not where
 * an end was known.
 * Law: nothing is touched before the caller is known to be let into its namespace.
 */
export async function reportEnd(
  ingestion: Ingestion,
  { end: message, start: startMessage }: ReportEndRequest,
  defaultLeaseMs: number,
  principal: Principal,
): Promise<boolean> {
  const { end, started } = inspect((seen) => {
    if (message === undefined) seen.reject('end', 'is required')
    return {
      end: { ...toExecutionEnd(message ?? noEnd, 'end', seen), path: 'end' },
      started: startMessage && readStart(startMessage, defaultLeaseMs, seen),
    }
  })
  if (started && started.start.executionId !== end.executionId) {
    throw invalid([{ field: 'start.execution_id', description: 'must be that of end' }])
  }
  if (started) authorize(principal, started.start.task.namespace)
  let isKnown = false
  for (const sessionId of sessionsOf(end.executionId)) {
    const session = await ingestion.look(sessionId)
    if (session === undefined) continue
    isKnown = true
    const opened = session.open.get(end.executionId)
    if (opened === undefined) continue
    authorize(principal, opened.start.task.namespace)
    return endIn(ingestion, sessionId, end, principal)
  }
  if (isKnown) return false
  if (started === undefined) {
    throw new ForesizeError(
      'not-found',
      `execution ${end.executionId} is not open by itself here, nor lost within the grace for late ends`,
    )
  }
  const { start } = started
  const refused = ingestion.refuseNamespace(start.task.namespace)
  if (refused) throw new ForesizeError('overloaded', refused)
  const [folded = false] = await ingestion.fold([{ ...start, ...end, endedAtUnixMs: 0 }])
  return folded
}

async function endIn(
  ingestion: Ingestion,
  sessionId: string,
  end: Placed<EndEvent>,
  principal: Principal,
): Promise<boolean> {
  const { folded } = await ingestion.once(sessionId, claimOf(principal, undefined), ({ sequence, open }) =>
    open.has(end.executionId) ? { sequence: sequence + 1, starts: [], samples: [], ends: [end] } : undefined,
  )
  return folded[0] ?? false
}
