import { expect, test } from 'vitest'
import type { ProfileStore, SessionCheckpoint, SessionPart } from '../../services/profiler/store.ts'
import {
  checkpoint,
  fold,
  now,
  type OpenSubject,
  part,
  taskKey,
  textsOf,
  total,
  write,
} from './profile-store-steps.ts'

/** Sessions: stored in parts, taken over, due, counted. */
export function sessionLaws(subject: () => Promise<OpenSubject>): void {
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
}
