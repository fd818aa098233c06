import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { taskNames } from '../../../services/estimator/task-names.ts'
import { profileId } from '../../../shared/domain/profile.ts'

const task = (task: string, namespace = 'default') => ({ namespace, task })
const idOf = (name: string, namespace = 'default') => profileId({ namespace, kind: 'task', task: name })

function holding(names: readonly string[], maxCompared = 100, monotonicMs: () => number = () => 0) {
  const held = taskNames(maxCompared, monotonicMs)
  for (const name of names) held.add(idOf(name))
  return held
}

test('names of the same namespace only, and of tasks only', () => {
  const names = holding(['sort', 'align'])
  names.add(idOf('srott', 'other'))
  names.add(profileId({ namespace: 'default', kind: 'cohort', task: 'srot' }))
  expect(names.nearest(task('srot'))).toEqual(['sort'])
  expect(names.nearest(task('srot', 'other'))).toEqual(['srott'])
  expect(names.nearest(task('srot', 'third'))).toEqual([])
})

test('what is held no more is not named any more, what is new is', () => {
  const names = holding(['sort'])
  expect(names.nearest(task('srot'))).toEqual(['sort'])
  names.delete(idOf('sort'))
  expect(names.nearest(task('srot'))).toEqual([])
  names.add(idOf('sort'))
  names.add(idOf('srots'))
  expect(names.nearest(task('srot'))).toEqual(['srots', 'sort'])
})

test('compares with no more names than it may, those of the same length first', () => {
  const names = [...Array.from({ length: 10 }, (_, i) => `sort${i}`), 'srta']
  expect(holding(names, 1).nearest(task('srot'))).toEqual(['srta'])
  expect(holding(names, 0).nearest(task('srot'))).toEqual([])
})

test('takes no more time in one turn than it may, and finds the rest in another', async () => {
  let nowMs = 0
  const many = Array.from({ length: 1000 }, (_, i) => `task-${i}`)
  const names = holding(many, 1e6, () => (nowMs += 2))
  expect(names.nearest(task('task-x'))).not.toEqual([])
  expect(names.nearest(task('task-y'))).toEqual([])
  await nextTurn()
  expect(names.nearest(task('task-y'))).not.toEqual([])
})
