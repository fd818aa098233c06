import { expect, test } from 'vitest'
import type { Evidence } from '../../../../services/estimator/domain/estimate/context.ts'
import { summarise } from '../../../../shared/domain/cohort.ts'
import type { Profile } from '../../../../shared/domain/profile.ts'
import { cohortOf, execution } from '../../../support/histories.ts'
import { defaultSettings, estimateOf, learned, queryOf } from '../../../support/queries.ts'

const evidenceOf = (...groups: readonly Profile[]): Evidence => ({
  task: undefined,
  similar: groups.map((group) => learned(group)),
  isUnreachable: false,
})

test('what is predicted from similar tasks without requests lies around what they use', () => {
  const { dimensions } = estimateOf(queryOf(), evidenceOf(cohortOf('tool=x', [1e9, 1.1e9, 1.2e9])))
  const memory = dimensions.find(({ dimension }) => dimension === 'memoryBytes')
  expect(memory?.source).toBe('cohort')
  expect(memory?.lower).toBeGreaterThan(5e8)
  expect(memory?.upper).toBeLessThan(2e9)
  expect(memory?.confidence).toBeLessThan(1)
})

test('of its request a task is given the share that similar tasks used of theirs, not more', () => {
  const used = [1, 2, 3].map((i) =>
    execution(`k-${i}`, { requested: { memoryBytes: 4e9 }, used: { memoryBytes: 2e9 } }),
  )
  const cohort = {
    ...cohortOf('tool=x', []),
    members: used.map((one, i) => summarise(`similar/${i}`, 1, [one])),
  }
  const query = queryOf({ requested: { memoryBytes: 4e9 } })
  const share = (estimateOf(query, evidenceOf(cohort)).resources.memoryBytes ?? 0) / 4e9
  expect(share).toBeGreaterThan(0.5)
  expect(share).toBeLessThan(0.6)
})

test('of unrelated tasks up to the default all but the rarest is covered, beyond it less', () => {
  const uses = Array.from({ length: 20 }, (_, i) => 50e6 * 1.3 ** i)
  const namespace: Profile = {
    ...cohortOf('', uses),
    key: { namespace: 'default', kind: 'namespace', task: '' },
  }
  const given = (memoryBytes: number) => {
    const settings = { ...defaultSettings, defaults: { memoryBytes } }
    return estimateOf(queryOf(), evidenceOf(namespace), { settings }).resources.memoryBytes
  }
  expect(given(100e9)).toBeGreaterThan(given(8e9) ?? 0)
  expect(given(8e9)).toBe(8e9)
  expect(given(1e6)).toBeLessThan(8e9)
  expect(given(1e6)).toBeGreaterThan(uses[17] ?? 0)
})
