import { ForesizeError } from '../../shared/domain/errors.ts'
import { changedParts, nothingWritten, type Written } from './checkpoint.ts'
import type { Committer } from './committer.ts'
import { firstLeaseEnd, firstLeaseEndAfter } from './domain/lease-end.ts'
import {
  type Applied,
  applyBatch,
  type Batch,
  type Changes,
  type Session,
  type SessionLimits,
} from './domain/session.ts'
import { isLateSession } from './late-ends.ts'
import { givenId } from './session-place.ts'

/** A session held by this process: its state as applied, ahead of what is durable by the batches under way. */
export interface LiveSession {
  readonly id: string
  /** As it is now: its executions change with the next batch. */
  state(): Session
  /**
   * Takes in one batch; undefined for a repeat.
   * Throws: ForesizeError `out-of-order` at a gap; `conflict` once another holder has the session.
   */
  apply(batch: Batch, nowUnixMs: number): Submitted | undefined
  /** Takes in a batch that its holder makes itself, under any number. Throws as `apply`, of another holder. */
  applyOwn(batch: Batch, nowUnixMs: number): Submitted
  /** Goes on with what somebody has made of this state, who has looked at all of it. */
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
  const { scope } = options.state
  const open = new Map(options.state.open)
  let lease = firstLeaseEnd(open)
  let { sequence, lastActiveUnixMs } = options.state
  let { written } = options
  /** Of each unit that is not stored yet, the oldest first. */
  const unstored: Changes[] = []
  let storedUnits = 0
  let released = false
  let isTakenOver = false
  let last: Promise<unknown> = Promise.resolve()

  async function store({ finished, changes }: Applied, isStreamed: boolean): Promise<readonly boolean[]> {
    if (isTakenOver) throw takenOver(id)
    const state = { sequence, lastActiveUnixMs, scope }
    // When somebody has to look at it again: the first lease runs out, or, with none open, the session itself.
    const dueUnixMs = open.size > 0 ? lease.unixMs : lastActiveUnixMs + idleSessionTtlMs
    const streamed = isStreamed ? { stream: holder, isAhead: unstored.length > 0 } : undefined
    unstored.push(changes)
    const unit = storedUnits + unstored.length
    const session = {
      id,
      holder,
      checkpoint: async () => ({
        version: written.version + 1,
        owner,
        dueUnixMs,
        parts: await changedParts(written, unstored.slice(0, unit - storedUnits), state),
      }),
      stored: () => {
        written = { ...nothingWritten, version: written.version + 1 }
        unstored.splice(0, unit - storedUnits)
        storedUnits = unit
      },
    }
    const result = committer.submit({ finished, scope, isLate: isLateSession(id), streamed, session })
    last = result.catch(() => undefined)
    const { folded, fenced } = await result
    if (fenced) {
      isTakenOver = true
      throw takenOver(id)
    }
    return folded
  }

  function change({ changes, ...applied }: Applied): void {
    for (const [executionId, { after }] of changes) {
      if (after) open.set(executionId, after)
      else open.delete(executionId)
    }
    ;({ sequence, lastActiveUnixMs } = applied)
  }

  function submit(applied: Applied, isStreamed: boolean): Submitted {
    const submitted = { applied, durable: store(applied, isStreamed) }
    onSubmitted(submitted)
    return submitted
  }

  const state = (): Session => ({ sequence, lastActiveUnixMs, scope, open })

  function takeIn(batch: Batch, nowUnixMs: number, isStreamed: boolean): Submitted {
    if (released) throw takenOver(id)
    const applied = applyBatch(state(), batch, nowUnixMs, limits)
    const { changes, finished } = applied
    // A new session of which all was refused is not kept: it would use up its tenant's share.
    const isEmpty = open.size + changes.size + finished.length === 0
    if (written.version === 0 && isEmpty) return { applied, durable: Promise.resolve([]) }
    change(applied)
    lease = firstLeaseEndAfter(lease, changes, open)
    return submit(applied, isStreamed)
  }

  return {
    id,
    state,
    apply(batch, nowUnixMs) {
      if (released) throw takenOver(id)
      if (batch.sequence <= sequence) return undefined
      if (batch.sequence !== sequence + 1) throw gap(sequence, batch.sequence)
      return takeIn(batch, nowUnixMs, true)
    },
    applyOwn: (batch, nowUnixMs) => takeIn(batch, nowUnixMs, false),
    adopt(applied) {
      change(applied)
      lease = firstLeaseEnd(open)
      return submit(applied, false)
    },
    async release() {
      released = true
      await last
    },
  }
}

const takenOver = (id: string) =>
  new ForesizeError('conflict', `session ${givenId(id)} was opened anew elsewhere`)

const gap = (sequence: number, given: number) =>
  new ForesizeError('out-of-order', `batch ${sequence + 1} was expected, came ${given}`)
