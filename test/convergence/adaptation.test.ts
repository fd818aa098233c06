import { expect, test } from 'vitest'
import { localPair } from '../../cli/evaluate/local-pair.ts'
import { strategies } from '../../services/estimator/domain/strategies/index.ts'
import type { Registry, Strategy } from '../../services/estimator/domain/strategies/strategy.ts'
import { recordOf } from '../support/executions.ts'
import { normal } from '../support/generated-work.ts'
import { queryOf } from '../support/queries.ts'
import { randomOf } from '../support/random.ts'

/** Twenty times the last need, and from execution `good` on the last need itself. */
const wild = (good: number): Strategy => ({
  describe: 'wild at first',
  start: () => {
    let [last, seen]: [number | undefined, number] = [undefined, 0]
    return {
      observe(_point, need) {
        last = need
        seen++
      },
      predict: () => (last === undefined ? undefined : seen < good ? 20 * last : last),
    }
  },
})

test('a strategy that is far off is left out, says why, goes on being scored, and comes back once it is right', () => {
  const good = 60
  const registry: Registry = { ...strategies, wild: wild(good) }
  const pair = localPair({
    registry,
    policy: { risk: 0.5, strategies: [], min: {}, max: {} },
    defaults: { memoryBytes: 8e9 },
    limits: { min: {}, max: {} },
    minExecutions: 1,
  })
  const random = randomOf(1)
  const task = { namespace: 'default', task: 'task' }
  const said: string[] = []
  for (let i = 0; i < 260; i++) {
    const estimate = pair.estimate(queryOf({ task, executionId: `${i}` }))
    const memory = estimate.dimensions.find(({ dimension }) => dimension === 'memoryBytes')
    const opinion = memory?.predictions.find(({ strategy }) => strategy === 'wild')
    if (opinion?.reason?.includes('not followed')) expect(opinion.weight).toBe(0)
    said.push(opinion?.reason ?? '')
    const used = { memoryBytes: 1e9 * Math.exp(0.2 * normal(random)), durationMs: 60_000 }
    pair.report(recordOf(`${i}`, used), i, estimate)
  }
  const leftOut = said.map((reason) => reason.includes('not followed'))
  expect(leftOut.indexOf(true)).toBeGreaterThan(10)
  expect(leftOut.indexOf(true)).toBeLessThan(40)
  expect(leftOut.slice(40, good).every(Boolean)).toBe(true)
  expect(leftOut.slice(240).some(Boolean)).toBe(false)
})
