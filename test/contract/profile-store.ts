import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { type Profile, type ProfileKey, profileId } from '../../shared/domain/profile.ts'
import { inspect } from '../../shared/wire/inspection.ts'
import { toProfile } from '../../shared/wire/profile.ts'
import { encodeProfile } from '../../shared/wire/profile-bytes.ts'
import { oddWireProfile } from '../support/arbitraries.ts'
import { exampleProfile } from '../support/example-profile.ts'
import { faultLaws } from './profile-store-faults.ts'
import { feedLaws } from './profile-store-feed.ts'
import { sessionLaws } from './profile-store-sessions.ts'
import {
  checkpoint,
  commit,
  fold,
  named,
  now,
  type OpenSubject,
  put,
  readWatch,
  remove,
  type StoreSubject,
  taskKey,
  total,
} from './profile-store-steps.ts'

/** Every law of ProfileStore, for one backend. */
export function profileStoreContract(name: string, subjectOf: () => Promise<StoreSubject>): void {
  describe(`the store ${name}`, () => {
    const cleanups: (() => Promise<void>)[] = []
    afterEach(async () => {
      for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
    })

    async function subject(): Promise<OpenSubject> {
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

    profileLaws(subject)
    sessionLaws(subject)
    feedLaws(subject)
    faultLaws(subject)
  })
}

/** What is stored, changed, listed, forgotten, and there again. */
function profileLaws(subject: () => Promise<OpenSubject>): void {
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
}
