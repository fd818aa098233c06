import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { defaultFoldSettings, foldAll } from '../../services/profiler/domain/fold.ts'
import {
  type ProfileChange,
  type ProfileStore,
  RefusedChanges,
  type SessionCheckpoint,
  type SessionPart,
  type StoreChange,
  type StoredSession,
} from '../../services/profiler/store.ts'
import {
  type Profile,
  type ProfileKey,
  profileId,
  profileSchemaVersion,
} from '../../shared/domain/profile.ts'
import { inspect } from '../../shared/wire/inspection.ts'
import { toProfile } from '../../shared/wire/profile.ts'
import { encodeProfile } from '../../shared/wire/profile-bytes.ts'
import { oddWireProfile } from '../support/arbitraries.ts'
import { exampleProfile } from '../support/example-profile.ts'
import { recordOf } from '../support/executions.ts'

/** A backend under the contract, freshly empty. */
export interface StoreSubject {
  open(): Promise<ProfileStore>
  /** Makes the stored bytes of a profile unreadable; undefined where nothing outside the process holds them. */
  readonly damage?: ((key: ProfileKey) => Promise<void>) | undefined
  /** What lies aside. */
  readonly quarantined?: (() => Promise<number>) | undefined
  dispose(): Promise<void>
}

const now = 1_800_000_000_000
const taskKey = (task: string, namespace = 'default'): ProfileKey => ({ namespace, kind: 'task', task })
const noCheckpoints = new Map<string, SessionCheckpoint>()

const put = (profile: Profile): ProfileChange => ({ key: profile.key, change: () => profile })
const remove = (key: ProfileKey): ProfileChange => ({ key, change: () => undefined })
const commit = (store: ProfileStore, ...changes: ProfileChange[]) =>
  store.commit({ changes, checkpoints: noCheckpoints })

const fold = (key: ProfileKey, ...executionIds: string[]): ProfileChange => ({
  key,
  change: (before) =>
    foldAll(
      before,
      key,
      executionIds.map((id) => ({ record: recordOf(id) })),
      now,
      defaultFoldSettings,
    ).profile,
})

const part = (text: string, counts: SessionPart['counts'] = {}): SessionPart => ({
  value: Buffer.from(text),
  counts,
})

const checkpoint = (given: Partial<SessionCheckpoint> = {}): SessionCheckpoint => ({
  version: 1,
  owner: 'a',
  dueUnixMs: now,
  parts: new Map([['', part('state')]]),
  ...given,
})

const write = (store: ProfileStore, id: string, given: Partial<SessionCheckpoint> = {}) =>
  store.commit({ changes: [], checkpoints: new Map([[id, checkpoint(given)]]) })

const textsOf = (stored: StoredSession | undefined) =>
  Object.fromEntries(
    [...(stored?.parts ?? [])].map(([name, { value }]) => [name, Buffer.from(value).toString()]),
  )

const total = (profile: Profile | undefined) => profile?.outcomes.reduce((sum, { count }) => sum + count, 0)

/** Every law of ProfileStore, for one backend. */
export function profileStoreContract(name: string, subjectOf: () => Promise<StoreSubject>): void {
  describe(`the store ${name}`, () => {
    const cleanups: (() => Promise<void>)[] = []
    afterEach(async () => {
      for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
    })

    async function subject(): Promise<
      StoreSubject & { readonly store: ProfileStore; reopen(): Promise<ProfileStore> }
    > {
      const made = await subjectOf()
      cleanups.push(() => made.dispose())
      let store = await made.open()
      cleanups.push(() => store.close())
      return {
        ...made,
        store,
        async reopen() {
          await store.close()
          store = await made.open()
          return store
        },
      }
    }

    /** Reads a watch until it has caught up so many times. */
    async function readWatch(store: ProfileStore, cursor: string, caughtUps = 1): Promise<StoreChange[]> {
      const abort = new AbortController()
      const seen: StoreChange[] = []
      for await (const change of store.watch(cursor, abort.signal)) {
        seen.push(change)
        if (change.type === 'caught-up' && --caughtUps === 0) break
      }
      abort.abort()
      return seen
    }
    const named = (changes: readonly StoreChange[]) =>
      changes.map((change) =>
        change.type === 'profile'
          ? `${change.profile.key.task}@${change.profile.revision}`
          : change.type === 'deleted'
            ? `-${change.key.task}`
            : change.type,
      )

    test('gives back what was stored, byte for byte', async () => {
      const { store } = await subject()
      const profile = exampleProfile(40)
      expect(await store.get(profile.key)).toBeUndefined()
      await commit(store, put(profile))
      expect(encodeProfile((await store.get(profile.key)) as Profile)).toEqual(encodeProfile(profile))
    })

    test('gives back whatever the wire takes, odd numbers and texts included, also when opened again', async () => {
      const { store, reopen } = await subject()
      const profiles = new Map<string, Profile>()
      for (const message of fc.sample(oddWireProfile, 40)) {
        const profile = inspect((seen) => toProfile(message, '', seen))
        profiles.set(profileId(profile.key), profile)
      }
      await commit(store, ...[...profiles.values()].map(put))
      const again = store.durability === 'memory' ? store : await reopen()
      for (const profile of profiles.values()) {
        const read = (await again.get(profile.key)) as Profile
        // Bytes of the same value, whichever kind of array holds them.
        const plain = ({ executions, ...rest }: Profile) => ({
          ...rest,
          executions: executions.map((each) => ({ ...each, estimateToken: [...each.estimateToken] })),
        })
        expect(plain(read)).toEqual(plain(profile))
      }
      expect(again.statistics().quarantined).toBe(0)
    })

    test('keeps names of any script and of full length apart', async () => {
      const { store } = await subject()
      const names = [
        'a/b',
        'a%2Fb',
        'A/B',
        '..',
        '.',
        'é'.repeat(128),
        `${'é'.repeat(127)}xy`,
        '😀'.repeat(64),
        ' ',
        '\u{2028}',
      ]
      await commit(store, ...names.map((task) => fold(taskKey(task, 'ns/💡'), task)))
      for (const task of names) {
        expect((await store.get(taskKey(task, 'ns/💡')))?.executions[0]?.executionId).toBe(task)
      }
      expect(await store.count('ns/💡', 'task')).toBe(names.length)
      expect(await store.get(taskKey('a', 'ns/💡'))).toBeUndefined()
    })

    test('runs the changes of one commit in order, each on what the one before left', async () => {
      const { store } = await subject()
      const key = taskKey('t')
      await commit(store, fold(key, 'a'), fold(key, 'b'), remove(taskKey('none')), fold(key, 'b', 'c'))
      expect(total(await store.get(key))).toBe(3)
      await commit(store, remove(key))
      expect(await store.get(key)).toBeUndefined()
    })

    test('loses no change of writers at the same time', async () => {
      const { store } = await subject()
      const keys = ['x', 'y', 'z'].map((task) => taskKey(task))
      const commits = Array.from({ length: 60 }, (_, i) =>
        commit(store, ...keys.map((key) => fold(key, `e${i}`))),
      )
      await Promise.all(commits)
      for (const key of keys)
        expect(await store.get(key)).toMatchObject({ revision: 60, outcomes: [{ count: 60 }] })
    })

    test('a change that gives back what it got is none', async () => {
      const { store } = await subject()
      const key = taskKey('t')
      await commit(store, fold(key, 'a'))
      const before = await readWatch(store, '')
      await commit(store, fold(key, 'a'))
      await commit(store, fold(taskKey('u'), 'a'))
      expect(named(await readWatch(store, before.at(-1)?.cursor ?? ''))).toEqual(['u@1', 'caught-up'])
    })

    test('lists in order, by namespace, kind and prefix, page by page', async () => {
      const { store } = await subject()
      const tasks = ['b', 'a', 'ab', 'é', 'aa', '😀', '\uffee', 'a/1']
      await commit(store, ...tasks.map((task) => fold(taskKey(task), 'e')))
      await commit(store, fold(taskKey('a', 'other'), 'e'))
      await commit(store, fold({ namespace: 'default', kind: 'cohort', task: 'tool=a' }, 'e'))
      await commit(store, fold({ namespace: 'default', kind: 'namespace', task: '' }, 'e'))
      const list = async (prefix: string, after = '', limit = 100) => {
        const query = { namespace: 'default', kind: 'task', prefix, after, limit } as const
        return (await store.list(query)).map(({ key }) => key.task)
      }
      const inOrder = tasks.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      expect(await list('')).toEqual(inOrder)
      expect(await list('', '', 3)).toEqual(inOrder.slice(0, 3))
      expect(await list('', inOrder[2], 3)).toEqual(inOrder.slice(3, 6))
      expect(await list('a')).toEqual(['a', 'a/1', 'aa', 'ab'])
      expect(await list('a', 'a/1', 1)).toEqual(['aa'])
      expect(await list('nothing')).toEqual([])
      expect(await store.namespaces()).toEqual(['default', 'other'])
      expect(await store.count('default', 'task')).toBe(tasks.length)
      expect(await store.count('default', 'cohort')).toBe(1)
      expect(await store.count('nowhere', 'task')).toBe(0)
      const cohorts = await store.list({
        namespace: 'default',
        kind: 'cohort',
        prefix: '',
        after: '',
        limit: 9,
      })
      expect(cohorts.map(({ key }) => key.task)).toEqual(['tool=a'])
    })

    test('keeps sessions part by part, and only whoever took one over last may go on with it', async () => {
      const { store } = await subject()
      const save = (given: Partial<SessionCheckpoint>) => write(store, 's', given)
      expect(await store.getSession('s')).toBeUndefined()
      expect(await save({})).toEqual({ fenced: [] })
      const next = {
        version: 2,
        parts: new Map([
          ['one', part('1')],
          ['two', part('2')],
        ] as const),
      }
      expect(await save(next)).toEqual({ fenced: [] })
      expect(await save(next)).toEqual({ fenced: [] })
      expect(textsOf(await store.getSession('s'))).toEqual({ '': 'state', one: '1', two: '2' })
      expect(await save({ owner: 'b', version: 2 })).toEqual({ fenced: ['s'] })
      const taken = {
        owner: 'b',
        version: 3,
        parts: new Map([
          ['one', undefined],
          ['two', part('3')],
        ] as const),
      }
      expect(await save(taken)).toEqual({ fenced: [] })
      expect(await save({ version: 3, parts: new Map([['two', part('late')]]) })).toEqual({ fenced: ['s'] })
      expect(await save({ version: 5 })).toEqual({ fenced: ['s'] })
      const stored = await store.getSession('s')
      expect(stored).toMatchObject({ version: 3, owner: 'b', dueUnixMs: now })
      expect(textsOf(stored)).toEqual({ '': 'state', two: '3' })
      await store.deleteSession('s', checkpoint())
      expect(await store.countSessions()).toBe(1)
      await store.deleteSession('s', checkpoint(taken))
      expect(await store.getSession('s')).toBeUndefined()
      expect(await store.countSessions()).toBe(0)
      expect(await save({ version: 4 })).toEqual({ fenced: ['s'] })
      expect(await save({})).toEqual({ fenced: [] })
      expect(textsOf(await store.getSession('s'))).toEqual({ '': 'state' })
    })

    test('a session is what its writes add up to, however many, also when opened again', async () => {
      const { store, reopen } = await subject()
      const ids = ['s', 'unary:é %~^/..', 'x'.repeat(250)]
      const expected = new Map<string, string>()
      for (let version = 1; version <= 60; version++) {
        const parts = new Map<string, SessionPart | undefined>()
        for (const at of [version % 7, (version * 5) % 11]) {
          const text = version % 3 === 0 ? undefined : `${version} `.repeat(1000)
          parts.set(`u${at}`, text === undefined ? undefined : part(text))
          if (text === undefined) expected.delete(`u${at}`)
          else expected.set(`u${at}`, text)
        }
        for (const id of ids) await write(store, id, { version, parts })
      }
      const again = store.durability === 'memory' ? store : await reopen()
      for (const id of ids) {
        const stored = await again.getSession(id)
        expect(stored).toMatchObject({ version: 60, owner: 'a', dueUnixMs: now })
        expect(textsOf(stored)).toEqual(Object.fromEntries(expected))
        expect(await write(again, id, { version: 61 })).toEqual({ fenced: [] })
      }
    })

    test('adds up what its sessions count as, whatever becomes of them, also when opened again', async () => {
      const { store, reopen } = await subject()
      const added = async (from: ProfileStore) =>
        Object.fromEntries([...(await from.sessionCounts())].filter(([, count]) => count !== 0))
      const parts = new Map([
        ['', part('', { 'executions a': 3, 'bytes a': 1e9 })],
        ['x', part('', { 'executions "b"': 2 })],
        ['y', part('', { 'bytes a': 5e8 })],
      ])
      await write(store, 's', { parts })
      await write(store, 't', {
        parts: new Map([['x', part('', { 'executions a': 1, 'executions "b"': 2 })]]),
      })
      const next = new Map([
        ['', part('', { 'executions a': 2 })],
        ['x', undefined],
      ])
      await write(store, 's', { version: 2, parts: next })
      await write(store, 's', { version: 2, parts: next })
      await write(store, 's', { owner: 'b', parts: new Map([['', part('', { 'executions a': 100 })]]) })
      expect(await added(store)).toEqual({ 'executions a': 3, 'bytes a': 5e8, 'executions "b"': 2 })
      const again = store.durability === 'memory' ? store : await reopen()
      expect(await added(again)).toEqual({ 'executions a': 3, 'bytes a': 5e8, 'executions "b"': 2 })
      await again.deleteSession('s', checkpoint({ version: 2 }))
      expect(await added(again)).toEqual({ 'executions a': 1, 'executions "b"': 2 })
    })

    test('folds of a session that was taken over are made all the same', async () => {
      const { store } = await subject()
      for (const version of [1, 2]) await write(store, 's', { version, owner: 'b' })
      const late = await store.commit({
        changes: [fold(taskKey('t'), 'e')],
        checkpoints: new Map([['s', checkpoint({ version: 2 })]]),
      })
      expect(late.fenced).toEqual(['s'])
      expect(total(await store.get(taskKey('t')))).toBe(1)
    })

    test('finds the sessions that are due, the longest due first', async () => {
      const { store } = await subject()
      const checkpoints = new Map(
        [30, 10, 20, 40].map((due) => [`due ${due}`, checkpoint({ dueUnixMs: now + due })] as const),
      )
      await store.commit({ changes: [], checkpoints })
      expect(await store.dueSessions(now + 30, 10)).toEqual(['due 10', 'due 20', 'due 30'])
      expect(await store.dueSessions(now + 30, 2)).toEqual(['due 10', 'due 20'])
      expect(await store.dueSessions(now, 10)).toEqual([])
      await store.commit({
        changes: [],
        checkpoints: new Map([['due 10', checkpoint({ version: 2, dueUnixMs: now + 90 })]]),
      })
      expect(await store.dueSessions(now + 30, 10)).toEqual(['due 20', 'due 30'])
    })

    test('a watcher is given what there is, then what changes, and may resume', async () => {
      const { store } = await subject()
      expect(named(await readWatch(store, ''))).toEqual(['caught-up'])
      await commit(store, fold(taskKey('a'), 'e'), fold(taskKey('b'), 'e'))
      const first = await readWatch(store, '')
      expect(named(first).slice(0, -1).sort()).toEqual(['a@1', 'b@1'])
      expect(named(first).at(-1)).toBe('caught-up')

      await commit(store, fold(taskKey('c'), 'e'))
      await commit(store, fold(taskKey('a'), 'f'))
      await commit(store, fold(taskKey('a'), 'g'))
      await commit(store, remove(taskKey('b')))
      const resumed = named(await readWatch(store, first.at(-1)?.cursor ?? ''))
      expect(resumed.slice(0, -1).sort()).toEqual(['-b', 'a@3', 'c@1'])
      expect(resumed.at(-1)).toBe('caught-up')
    })

    test('a watcher hears of changes while it waits', async () => {
      const { store } = await subject()
      const abort = new AbortController()
      const heard: string[] = []
      for await (const change of store.watch('', abort.signal)) {
        heard.push(...named([change]))
        if (heard.length === 1) void commit(store, fold(taskKey('a'), 'e'))
        if (heard.includes('a@1')) break
      }
      expect(heard).toEqual(['caught-up', 'a@1'])
    })

    test('a watcher that is aborted ends', async () => {
      const { store } = await subject()
      const abort = new AbortController()
      for await (const change of store.watch('', abort.signal)) if (change.type === 'caught-up') abort.abort()
      expect(abort.signal.aborted).toBe(true)
    })

    test('a cursor that is not of this store or too old starts anew, and says so', async () => {
      const { store } = await subject()
      await commit(store, fold(taskKey('a'), 'e'))
      for (const cursor of ['nonsense', 'deadbeef:7']) {
        expect(named(await readWatch(store, cursor))).toEqual(['resync', 'a@1', 'caught-up'])
      }
    })

    test('forgets what was not seen for long, and tells watchers', async () => {
      const { store } = await subject()
      await commit(
        store,
        put(exampleProfile(1, taskKey('old'), now - 1000)),
        put(exampleProfile(1, taskKey('new'), now)),
      )
      const before = await readWatch(store, '')
      expect(await store.sweep(now)).toBe(1)
      expect(await store.get(taskKey('old'))).toBeUndefined()
      expect(await store.get(taskKey('new'))).toBeDefined()
      expect(named(await readWatch(store, before.at(-1)?.cursor ?? ''))).toEqual(['-old', 'caught-up'])
      expect(await store.sweep(now)).toBe(0)
    })

    test('what is folded into while many old ones are forgotten is kept', async () => {
      const { store } = await subject()
      const keys = Array.from({ length: 501 }, (_, i) => taskKey(`old-${i}`))
      await commit(store, ...keys.map((key) => put(exampleProfile(1, key, now - 1000))))
      const touched = keys.at(-1) as ProfileKey
      await Promise.all([store.sweep(now), commit(store, fold(touched, 'late'))])
      expect(total(await store.get(touched))).toBeGreaterThan(0)
      expect(await store.count('default', 'task')).toBe(1)
    })

    test('what it calls durable is there when opened again', async () => {
      const { store, reopen } = await subject()
      const profile = exampleProfile(40)
      await store.commit({ changes: [put(profile)], checkpoints: new Map([['s', checkpoint()]]) })
      const again = await reopen()
      if (again.durability === 'memory') {
        expect(await again.get(profile.key)).toBeUndefined()
        return
      }
      expect(encodeProfile((await again.get(profile.key)) as Profile)).toEqual(encodeProfile(profile))
      expect(await again.getSession('s')).toMatchObject({ version: 1, owner: 'a', dueUnixMs: now })
      expect(await again.count('default', 'task')).toBe(1)
      expect(await again.countSessions()).toBe(1)
    })

    test('a damaged profile is put aside and reported, and everything else goes on', async () => {
      const { store, damage, quarantined, reopen } = await subject()
      if (!damage || !quarantined) {
        expect(store.durability).toBe('memory')
        return
      }
      await commit(store, fold(taskKey('bad'), 'e'), fold(taskKey('good'), 'e'))
      await damage(taskKey('bad'))
      const again = await reopen()
      expect(await again.get(taskKey('bad'))).toBeUndefined()
      expect(await again.get(taskKey('good'))).toBeDefined()
      expect(again.statistics().quarantined).toBe(1)
      await commit(again, fold(taskKey('bad'), 'f'))
      expect(total(await again.get(taskKey('bad')))).toBe(1)
      expect(await quarantined()).toBe(1)
    })

    test('a page is full however many of its profiles turn out to be damaged', async () => {
      const { store, damage, reopen } = await subject()
      const tasks = ['a', 'b', 'c', 'd', 'e']
      await commit(store, ...tasks.map((task) => fold(taskKey(task), 'e')))
      const bad = damage ? ['b', 'c'] : []
      for (const task of bad) await damage?.(taskKey(task))
      const again = damage ? await reopen() : store
      const query = { namespace: 'default', kind: 'task', prefix: '', after: '', limit: 3 } as const
      const page = await again.list(query)
      expect(page.map(({ key }) => key.task)).toEqual(damage ? ['a', 'd', 'e'] : ['a', 'b', 'c'])
    })

    test('a profile damaged between two folds is put aside by the second, not overwritten', async () => {
      const { store, damage, quarantined, reopen } = await subject()
      if (!damage || !quarantined) {
        expect(store.durability).toBe('memory')
        return
      }
      await commit(store, fold(taskKey('bad'), 'e'))
      await damage(taskKey('bad'))
      const again = await reopen()
      await commit(again, fold(taskKey('bad'), 'f'), fold(taskKey('good'), 'f'))
      expect(total(await again.get(taskKey('bad')))).toBe(1)
      expect(await quarantined()).toBe(1)
    })

    test('a profile of a newer program refuses the commits that would change it, and stops nobody else', async () => {
      const { store, reopen } = await subject()
      const newer = { ...exampleProfile(1, taskKey('newer')), schemaVersion: profileSchemaVersion + 1 }
      await commit(store, put(newer), fold(taskKey('plain'), 'e'))
      // What is kept decoded in memory is no concern of a newer program.
      const again = store.durability === 'memory' ? store : await reopen()
      await commit(again, fold(taskKey('a'), 'e'), fold(taskKey('b'), 'e'), fold(taskKey('plain'), 'f'))
      if (store.durability === 'memory') return
      await expect(again.get(newer.key)).rejects.toMatchObject({ failure: 'unsupported' })
      const refusal = await commit(again, fold(newer.key, 'f'), fold(taskKey('plain'), 'g')).catch(
        (error: unknown) => error,
      )
      expect(refusal).toBeInstanceOf(RefusedChanges)
      expect([...(refusal as RefusedChanges).reasons.keys()]).toEqual([profileId(newer.key)])
      expect(total(await again.get(taskKey('plain')))).toBe(2)
      const query = { namespace: 'default', kind: 'task', prefix: '', after: '', limit: 9 } as const
      expect((await again.list(query)).map(({ key }) => key.task)).toEqual(['a', 'b', 'plain'])
      expect(named(await readWatch(again, '')).sort()).toEqual(['a@1', 'b@1', 'caught-up', 'plain@2'])
    })

    test('a profile that no change gets on with is put aside; a change that throws is refused', async () => {
      const { store } = await subject()
      const [bad, good] = [taskKey('bad'), taskKey('good')]
      await commit(store, fold(bad, 'e'), fold(good, 'e'))
      const throwing = (fails: (before: Profile | undefined) => boolean): ProfileChange => ({
        key: bad,
        change: (before) => {
          if (fails(before)) throw new RangeError('a figure out of range')
          return fold(bad, 'new').change(before)
        },
      })
      await expect(
        commit(
          store,
          throwing(() => true),
          fold(good, 'f'),
        ),
      ).rejects.toBeInstanceOf(RefusedChanges)
      expect([total(await store.get(bad)), total(await store.get(good))]).toEqual([1, 1])
      expect(store.statistics().quarantined).toBe(0)
      await commit(
        store,
        throwing((before) => before !== undefined),
        fold(good, 'f'),
      )
      expect([total(await store.get(bad)), total(await store.get(good))]).toEqual([1, 2])
      expect((await store.get(bad))?.executions[0]?.executionId).toBe('new')
      expect(store.statistics().quarantined).toBe(1)
    })
  })
}
