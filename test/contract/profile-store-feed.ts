import { expect, test } from 'vitest'
import { exampleProfile } from '../support/example-profile.ts'
import {
  commit,
  fold,
  named,
  now,
  type OpenSubject,
  put,
  readWatch,
  remove,
  taskKey,
} from './profile-store-steps.ts'

/** What a watcher is told. */
export function feedLaws(subject: () => Promise<OpenSubject>): void {
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
    const told: string[] = []
    for await (const change of store.watch('', abort.signal)) {
      told.push(...named([change]))
      if (told.length === 1) void commit(store, fold(taskKey('a'), 'e'))
      if (told.includes('a@1')) break
    }
    expect(told).toEqual(['caught-up', 'a@1'])
  })

  test('a watcher catches up with what there was, however often others write meanwhile', async () => {
    const { store } = await subject()
    await commit(store, fold(taskKey('a'), 'e0'))
    const told: string[] = []
    for await (const change of store.watch('', new AbortController().signal)) {
      told.push(...named([change]))
      if (told.length === 6) break
      await commit(store, fold(taskKey('a'), `e${told.length}`))
    }
    expect(told).toEqual(['a@1', 'caught-up', 'a@3', 'caught-up', 'a@5', 'caught-up'])
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
}
