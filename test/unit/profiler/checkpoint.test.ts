import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  changedParts,
  decodeSession,
  nothingWritten,
  type Written,
  writtenUnread,
} from '../../../services/profiler/checkpoint.ts'
import {
  applyBatch,
  type Batch,
  type Changes,
  closeSilent,
  newSession,
  type Session,
} from '../../../services/profiler/domain/session.ts'
import { DamagedRecord } from '../../../services/profiler/envelope.ts'
import type { SessionPart, StoredSession } from '../../../services/profiler/store.ts'
import { startOf } from '../../support/executions.ts'
import { sessionAfter } from '../../support/sessions.ts'

const now = 1_800_000_000_000
const estimateToken = Buffer.from('token')
const noLimits = {
  maxOpenExecutionsPerSession: 100_000,
  refuseOpen: () => undefined,
  refuseNamespace: () => undefined,
}

function batchOf(sequence: number, given: { starts?: string[]; samples?: string[]; ends?: string[] }): Batch {
  const columns = {
    elapsedDeltaMs: [100],
    cpuCores: [0.1 + sequence],
    memoryBytes: [1e6 * sequence],
    diskBytes: [],
    gpuMemoryBytes: [],
  }
  return {
    sequence,
    starts: (given.starts ?? []).map((id) => ({
      start: startOf(id, { estimateToken }),
      leaseMs: 60_000 + sequence,
      path: '',
    })),
    samples: (given.samples ?? []).map((executionId) => ({ executionId, columns, path: '' })),
    ends: (given.ends ?? []).map((executionId) => ({
      executionId,
      outcome: 'succeeded',
      used: {},
      source: 'unknown',
      path: '',
    })),
  }
}

/** A store of one session: what its writes add up to. */
function stored() {
  const parts = new Map<string, SessionPart>()
  let version = 0
  return {
    take(changed: ReadonlyMap<string, SessionPart | undefined>): void {
      version += 1
      for (const [name, part] of changed) {
        if (part) parts.set(name, part)
        else parts.delete(name)
      }
    },
    read: (): StoredSession => ({ version, owner: 'me', dueUnixMs: now, parts }),
    counts() {
      const counts: Record<string, number> = {}
      for (const { counts: each } of parts.values())
        for (const [name, step] of Object.entries(each)) counts[name] = (counts[name] ?? 0) + step
      return counts
    },
  }
}

/** Whatever order its executions are in, and whether what it lacks is undefined or missing. */
const plain = (session: Session) =>
  JSON.parse(JSON.stringify({ ...session, open: Object.fromEntries([...session.open].sort()) }))

const ids = fc.subarray(['a', 'b', 'c', 'd', 'e', 'constructor'])
const step = fc.record({
  starts: ids,
  samples: ids,
  ends: ids,
  afterMs: fc.integer({ min: 0, max: 40_000 }),
  isStored: fc.boolean(),
  isTakenOver: fc.boolean(),
})

test('whatever a session goes through, it is what was written of it, whoever takes it over', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const store = stored()
      let session: Session = { ...newSession(now), scope: ['default'] }
      let written: Written = nothingWritten
      let changes: Changes[] = []
      let atMs = now
      for (const { afterMs, isTakenOver, isStored, ...events } of steps) {
        atMs += afterMs
        const applied = applyBatch(session, batchOf(session.sequence + 1, events), atMs, noLimits)
        session = sessionAfter(session, applied)
        const closed = closeSilent(session, atMs, now + 10_000, 10)
        session = sessionAfter(session, closed)
        changes.push(applied.changes, closed.changes)
        if (!isStored) continue
        store.take(await changedParts(written, changes, session))
        const read = await decodeSession(store.read())
        expect(plain(read.session)).toEqual(plain(session))
        written = { ...nothingWritten, version: written.version + 1 }
        changes = []
        if (isTakenOver) ({ session, written } = read)
      }
      store.take(await changedParts(written, changes, session))
      expect(store.counts()['executions'] ?? 0).toBe(session.open.size)
      expect(store.counts()['sessions default']).toBe(1)
    }),
    { numRuns: 100 },
  )
})

test('a batch writes the executions that it speaks of, of however many', async () => {
  const starts = Array.from({ length: 500 }, (_, i) => `e${i}`)
  const begun = sessionAfter(
    newSession(now),
    applyBatch(newSession(now), batchOf(1, { starts }), now, noLimits),
  )
  const applied = applyBatch(begun, batchOf(2, { samples: ['e7'], ends: ['e9'] }), now + 10, noLimits)
  const written = { ...nothingWritten, version: 1 }
  const parts = await changedParts(written, [applied.changes], sessionAfter(begun, applied))
  expect([...parts.keys()].sort()).toEqual(['', 'se9', 'ue7'])
})

test('a session that cannot be read is begun anew, and nothing of it is left', async () => {
  const store = stored()
  const batch = batchOf(1, { starts: ['a'], samples: ['a'] })
  const applied = applyBatch(newSession(now), batch, now, noLimits)
  store.take(await changedParts(nothingWritten, [applied.changes], applied))
  store.take(new Map([['sa', { value: Buffer.from('no message'), counts: {} }]]))
  await expect(decodeSession(store.read())).rejects.toBeInstanceOf(DamagedRecord)
  store.take(await changedParts(writtenUnread(store.read()), [], newSession(now)))
  expect(await decodeSession(store.read())).toMatchObject({ session: newSession(now) })
  expect([...store.read().parts.keys()]).toEqual([''])
})
