import { ForesizeError } from '../../shared/domain/errors.ts'
import type { ExecutionRecord } from '../../shared/domain/execution.ts'
import { changedParts, type Written } from './checkpoint.ts'
import type { Committer } from './committer.ts'
import {
  type Applied,
  applyBatch,
  type Batch,
  dueOf,
  type Session,
  type SessionLimits,
} from './domain/session.ts'
import { isLateSession } from './late-ends.ts'

/** A session held by this process: its state as applied, ahead of what is durable by the batches under way. */
export interface LiveSession {
  readonly id: string
  state(): Session
  /**
   * Takes in one batch; undefined for a repeat.
   * Throws: ForesizeError `out-of-order` at a gap; `conflict` once another holder has the session.
   */
  apply(batch: Batch, nowUnixMs: number): Submitted | undefined
  /** Takes in a batch that its holder makes itself, under any number. Throws as `apply`, of another holder. */
  applyOwn(batch: Batch, nowUnixMs: number): Submitted
  /** Goes on with a state that was derived from this one. */
  adopt(applied: Applied): Submitted
  /** No more batches are taken; resolves once those under way are stored or have failed. */
  release(): Promise<void>
}

export interface Submitted {
  readonly applied: Applied
  /** Resolves to which of the finished executions were folded now, once durable. */
  readonly durable: Promise<readonly boolean[]>
}

export interface LiveSessionOptions {
  readonly id: string
  readonly owner: string
  readonly state: Session
  /** What is stored of it already. */
  readonly written: Written
  readonly committer: Committer
  readonly limits: SessionLimits
  readonly idleSessionTtlMs: number
  readonly onSubmitted: (submitted: Submitted) => void
}

export function liveSession(options: LiveSessionOptions): LiveSession {
  const { id, owner, committer, limits, idleSessionTtlMs, onSubmitted } = options
  const holder = {}
  let { state, written } = options
  let released = false
  let isTakenOver = false
  let last: Promise<unknown> = Promise.resolve()

  async function store(finished: readonly ExecutionRecord[]): Promise<readonly boolean[]> {
    if (isTakenOver) throw takenOver(id)
    const now = state
    const session = {
      id,
      holder,
      checkpoint: async () => ({
        version: written.version + 1,
        owner,
        dueUnixMs: dueOf(now, idleSessionTtlMs),
        parts: await changedParts(written, now),
      }),
      stored: () => {
        written = { version: written.version + 1, open: now.open, unread: [] }
      },
    }
    const result = committer.submit({ finished, scope: now.scope, isLate: isLateSession(id), session })
    last = result.catch(() => undefined)
    const { folded, fenced } = await result
    if (fenced) {
      isTakenOver = true
      throw takenOver(id)
    }
    return folded
  }

  function adopt(applied: Applied): Submitted {
    state = applied.session
    const submitted = { applied, durable: store(applied.finished) }
    onSubmitted(submitted)
    return submitted
  }

  function applyOwn(batch: Batch, nowUnixMs: number): Submitted {
    if (released) throw takenOver(id)
    const applied = applyBatch(state, batch, nowUnixMs, limits)
    // A new session of which all was refused is not kept: it would use up its tenant's share.
    const isEmpty = applied.session.open.size === 0 && applied.finished.length === 0
    if (written.version === 0 && isEmpty) return { applied, durable: Promise.resolve([]) }
    return adopt(applied)
  }

  return {
    id,
    state: () => state,
    apply(batch, nowUnixMs) {
      if (released) throw takenOver(id)
      if (batch.sequence <= state.sequence) return undefined
      if (batch.sequence !== state.sequence + 1) throw gap(state.sequence, batch.sequence)
      return applyOwn(batch, nowUnixMs)
    },
    applyOwn,
    adopt,
    async release() {
      released = true
      await last
    },
  }
}

const takenOver = (id: string) => new ForesizeError('conflict', `session ${id} was opened anew elsewhere`)

const gap = (sequence: number, given: number) =>
  new ForesizeError('out-of-order', `batch ${sequence + 1} was expected, came ${given}`)
