import { ForesizeError } from '../../shared/domain/errors.ts'
import type { ExecutionRecord } from '../../shared/domain/execution.ts'
import { encodeSession } from './checkpoint.ts'
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
import type { Counts } from './store.ts'

/** A session held by this process: its state as applied, ahead of what is durable by the batches under way. */
export interface LiveSession {
  readonly id: string
  state(): Session
  /**
   * Takes in one batch; undefined for a repeat.
   * Throws: ForesizeError `out-of-order` at a gap; `conflict` once another holder has the session.
   */
  apply(batch: Batch, nowUnixMs: number): Submitted | undefined
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
  readonly epoch: number
  readonly owner: string
  readonly state: Session
  readonly committer: Committer
  readonly limits: SessionLimits
  readonly idleSessionTtlMs: number
  readonly onSubmitted: (submitted: Submitted) => void
  readonly countsOf: (session: Session) => Counts
}

export function liveSession(options: LiveSessionOptions): LiveSession {
  const { id, epoch, owner, committer, limits, idleSessionTtlMs, onSubmitted, countsOf } = options
  const holder = {}
  let state = options.state
  let released = false
  let last: Promise<unknown> = Promise.resolve()

  async function store(finished: readonly ExecutionRecord[]): Promise<readonly boolean[]> {
    const now = state
    const checkpoint = () => ({
      epoch,
      owner,
      dueUnixMs: dueOf(now, idleSessionTtlMs),
      state: encodeSession(now),
      counts: countsOf(now),
    })
    const result = committer.submit({
      finished,
      isLate: isLateSession(id),
      session: { id, checkpoint, holder },
    })
    last = result.catch(() => undefined)
    const { folded, fenced } = await result
    if (fenced) throw takenOver(id)
    return folded
  }

  function adopt(applied: Applied): Submitted {
    state = applied.session
    const submitted = { applied, durable: store(applied.finished) }
    onSubmitted(submitted)
    return submitted
  }

  return {
    id,
    state: () => state,
    apply(batch, nowUnixMs) {
      if (released) throw takenOver(id)
      if (batch.sequence <= state.sequence) return undefined
      if (batch.sequence !== state.sequence + 1) throw gap(state.sequence, batch.sequence)
      return adopt(applyBatch(state, batch, nowUnixMs, limits))
    },
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
