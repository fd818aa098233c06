import { expect, test } from 'vitest'
import { committer, type Unit } from '../../../services/profiler/committer.ts'
import { defaultFoldSettings } from '../../../services/profiler/domain/fold.ts'
import {
  type ProfileStore,
  RefusedChanges,
  type SessionCheckpoint,
} from '../../../services/profiler/store.ts'
import { stores } from '../../../services/profiler/stores/index.ts'
import { ForesizeError } from '../../../shared/domain/errors.ts'
import { profileId } from '../../../shared/domain/profile.ts'
import { followingClock, systemClock } from '../../../shared/runtime/clock.ts'
import { heldBytes } from '../../../shared/runtime/held-bytes.ts'
import { exampleProfile } from '../../support/example-profile.ts'
import { recordOf } from '../../support/executions.ts'
import { quietLog } from '../../support/profiler-fixture.ts'
import { configOf } from '../../support/stores.ts'

const now = 1_800_000_000_000
const settings = { ...defaultFoldSettings, ...configOf({ maxFoldsPerCommit: 8, cohortLabels: [] }) }

const held = heldBytes({ maxHeldBytes: 1e6, maxHeldShare: 0.5 })

/** The real store in memory, whose commits can be made to fail and are counted. */
async function subject() {
  const real = await stores.memory(configOf({ store: 'memory' }), followingClock(systemClock), quietLog)
  let failing = false
  let commits = 0
  const store: ProfileStore = {
    ...real,
    commit: async (commit) => {
      commits += 1
      if (failing) throw new ForesizeError('unavailable', 'the disk is full')
      return real.commit(commit)
    },
  }
  return {
    store,
    commits: committer(store, () => now, settings, held),
    fail: (value: boolean) => {
      failing = value
    },
    made: () => commits,
    count: async (task = 'task') => {
      const profile = await store.get({ namespace: 'default', kind: 'task', task })
      return profile?.outcomes.reduce((sum, { count }) => sum + count, 0) ?? 0
    },
  }
}

const fold = (...ids: string[]): Unit => ({ finished: ids.map((id) => recordOf(id)) })

const checkpointOf = (version: number, owner: string): SessionCheckpoint => ({
  version,
  owner,
  dueUnixMs: now,
  parts: new Map([['', { value: Buffer.from(`${version}`), counts: {} }]]),
})

/** Of a session whose units each go into a commit of their own. */
const ofSession = (holder: object, version: number, ...ids: string[]): Unit => ({
  ...fold(...ids),
  session: {
    id: 's',
    checkpoint: async () => checkpointOf(version, 'me'),
    stored: () => undefined,
    holder,
  },
})

test('what arrives while one commit is on its way goes into the next', async () => {
  const { commits, made, count } = await subject()
  const results = await Promise.all(Array.from({ length: 40 }, (_, i) => commits.submit(fold(`e${i}`))))
  expect(results.every(({ folded }) => folded[0])).toBe(true)
  expect(await count()).toBe(40)
  expect(made()).toBeLessThan(20)
})

test('each unit is told which of its executions were folded now', async () => {
  const { commits } = await subject()
  const [first, second] = await Promise.all([
    commits.submit(fold('a', 'b')),
    commits.submit(fold('b', 'c', 'c')),
  ])
  expect(first.folded).toEqual([true, true])
  expect(second.folded).toEqual([false, true, false])
})

test('where a commit fails, nothing that builds on it is stored, and others are not held up', async () => {
  const { commits, fail, store, count } = await subject()
  const holder = {}
  fail(true)
  const lost = commits.submit(ofSession(holder, 1, 'a'))
  await expect(lost).rejects.toThrow('the disk is full')
  fail(false)
  await expect(commits.submit(ofSession(holder, 2, 'b'))).rejects.toThrow('the disk is full')
  expect(await store.getSession('s')).toBeUndefined()
  await commits.submit(fold('c'))
  expect(await count()).toBe(1)
  await commits.submit(ofSession({}, 1, 'a'))
  await commits.submit(fold('d'))
  expect((await store.getSession('s'))?.version).toBe(1)
  expect(await count()).toBe(3)
})

test('units of a holder that wait behind a failed one fail with it', async () => {
  const { commits, fail } = await subject()
  const holder = {}
  fail(true)
  const ids = Array.from({ length: 9 }, (_, i) => `e${i}`)
  const units = [commits.submit(ofSession(holder, 1, ...ids)), commits.submit(ofSession(holder, 2, 'x'))]
  const results = await Promise.allSettled(units)
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
})

test('a session that another has taken over is told so', async () => {
  const { commits, store } = await subject()
  for (const version of [1, 2]) {
    await store.commit({ changes: [], checkpoints: new Map([['s', checkpointOf(version, 'other')]]) })
  }
  expect(await commits.submit(ofSession({}, 1, 'a'))).toMatchObject({ fenced: true })
})

test('an execution that its profile does not take fails alone, with what its session built upon it', async () => {
  const { store, commits, count } = await subject()
  const newer = { ...exampleProfile(1, { namespace: 'a', kind: 'task', task: 'newer' }), schemaVersion: 99 }
  const refusing: ProfileStore = {
    ...store,
    async commit(commit) {
      const key = profileId(newer.key)
      if (!commit.changes.some((each) => profileId(each.key) === key)) return store.commit(commit)
      const reason = new ForesizeError('unsupported', 'written by a newer program')
      throw new RefusedChanges(new Map([[key, reason]]))
    },
  }
  const others = committer(refusing, () => now, settings, held)
  const holder = {}
  const ofNewer = { finished: [recordOf('x', {}, { task: { namespace: 'a', task: 'newer' } })] }
  const results = await Promise.allSettled([
    others.submit(fold('e1')),
    others.submit({ ...ofSession(holder, 1), ...ofNewer }),
    others.submit(ofSession(holder, 2, 'e2')),
    others.submit(fold('e3')),
  ])
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
  const refusal = { failure: 'unsupported', message: expect.stringContaining('"newer" in a') }
  for (const at of [1, 2]) expect(results[at]).toMatchObject({ reason: refusal })
  await expect(others.submit(ofSession(holder, 3))).rejects.toMatchObject(refusal)
  expect(await store.getSession('s')).toBeUndefined()
  expect(await count()).toBe(2)
  await commits.idle()
})

test('what is not stored yet counts, and is refused where there is no room, with what builds upon it', async () => {
  const { commits, count } = await subject()
  const labels = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`${i}`, 'x'.repeat(250)]))
  const fat = (id: string, namespace = 'default') =>
    recordOf(id, {}, { labels, task: { namespace, task: 'task' } })
  const holder = {}
  const many = Array.from({ length: 40 }, (_, i) => fat(`e${i}`))
  const refused = {
    failure: 'overloaded',
    message: expect.stringContaining('max_held_share of max_held_bytes'),
  }
  const results = await Promise.allSettled([
    commits.submit({ finished: many.slice(0, 20) }),
    commits.submit({ ...ofSession(holder, 1), finished: many.slice(20) }),
    commits.submit(ofSession(holder, 2, 'after')),
    commits.submit({ finished: [fat('other', 'b')] }),
  ])
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
  for (const at of [1, 2]) expect(results[at]).toMatchObject({ reason: refused })
  expect(held.held()).toBe(0)
  expect(await count()).toBe(20)
})
