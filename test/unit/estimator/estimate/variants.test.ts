import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  drawVariant,
  type Experiment,
  underVariant,
  type Variant,
} from '../../../../services/estimator/domain/estimate/variants.ts'
import { strategies } from '../../../../services/estimator/domain/strategies/index.ts'
import { experimentOf } from '../../../../services/estimator/experiment-config.ts'
import type { EstimateQuery } from '../../../../shared/domain/estimate.ts'
import { queryOf } from '../../../support/queries.ts'

const query = (more: Partial<EstimateQuery> = {}) => queryOf({ executionId: 'e', ...more })

const variant = (name: string, share: number, policy: Variant['policy'] = {}): Variant => ({
  name,
  share,
  policy,
})
const experiment = (...variants: Variant[]): Experiment => ({ variants, by: 'execution' })

/** How many of `n` executions draw each name; '' for none. */
function drawn(given: Experiment, n: number): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (let i = 0; i < n; i++) {
    const name = drawVariant(given, query({ executionId: `execution-${i}` }))?.name ?? ''
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}

describe('the draw', () => {
  test('is the same whoever asks and however often', () => {
    const id = fc.string({ minLength: 1 })
    fc.assert(
      fc.property(id, id, (task, executionId) => {
        const incoming = { task: { namespace: 'n', task }, executionId }
        const given = experiment(variant('a', 0.3), variant('b', 0.3))
        expect(drawVariant(given, incoming)).toEqual(drawVariant({ ...given }, { ...incoming }))
      }),
    )
  })

  test('is as often as the shares say, also for ids that differ by one character', () => {
    const n = 20_000
    const counts = drawn(experiment(variant('a', 0.5), variant('b', 0.2)), n)
    // Five standard deviations of a binomial.
    for (const [name, share] of [
      ['a', 0.5],
      ['b', 0.2],
      ['', 0.3],
    ] as const) {
      const spread = 5 * Math.sqrt((share * (1 - share)) / n)
      expect(Math.abs((counts.get(name) ?? 0) / n - share)).toBeLessThan(spread)
    }
  })

  test('stays what it was where the share of the last variant grows', () => {
    const before = experiment(variant('a', 0.3), variant('b', 0.2))
    const after = experiment(variant('a', 0.3), variant('b', 0.6))
    for (let i = 0; i < 500; i++) {
      const incoming = query({ executionId: `${i}` })
      const was = drawVariant(before, incoming)?.name
      if (was !== undefined) expect(drawVariant(after, incoming)?.name).toBe(was)
    }
  })

  test('by task: all executions of one task agree, tasks differ', () => {
    const given: Experiment = { by: 'task', variants: [variant('a', 0.5)] }
    const of = (task: string, executionId: string) =>
      drawVariant(given, query({ task: { namespace: 'n', task }, executionId }))?.name
    const names = Array.from({ length: 50 }, (_, i) => `task-${i}`)
    for (const name of names) expect(of(name, 'x')).toBe(of(name, 'y'))
    expect(new Set(names.map((name) => of(name, ''))).size).toBe(2)
  })

  test('by execution: a query that names none draws none', () => {
    expect(drawVariant(experiment(variant('a', 1)), query({ executionId: undefined }))).toBeUndefined()
  })
})

test('what a query sets itself wins over its variant', () => {
  const policy = { risk: 0.9, strategies: ['p95'] }
  const incoming = query({ policy: { risk: 0.1 } })
  expect(underVariant(incoming, variant('a', 1, policy)).policy).toEqual({ risk: 0.1, strategies: ['p95'] })
})

test('a variant of a strategy that there is not is refused', () => {
  const config = {
    variantBy: 'execution' as const,
    variants: [{ name: 'a', share: 1, strategies: ['guess'] }],
  }
  expect(() => experimentOf(config, strategies)).toThrow(/guess/)
})
