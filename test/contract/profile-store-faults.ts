import { expect, test } from 'vitest'
import { type ProfileChange, RefusedChanges } from '../../services/profiler/store.ts'
import { type Profile, profileId, profileSchemaVersion } from '../../shared/domain/profile.ts'
import { exampleProfile } from '../support/example-profile.ts'
import {
  commit,
  fold,
  named,
  type OpenSubject,
  put,
  readWatch,
  taskKey,
  total,
} from './profile-store-steps.ts'

/** Profiles that are damaged, of a newer program, or that a change throws on: they harm no other. */
export function faultLaws(subject: () => Promise<OpenSubject>): void {
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
}
