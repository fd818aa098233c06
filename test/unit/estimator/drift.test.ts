import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { drift, noteNeed } from '../../../services/estimator/domain/drift.ts'
import { strategies } from '../../../services/estimator/domain/strategies/index.ts'
import { fitTask } from '../../../services/estimator/domain/task-model.ts'
import { recordOf } from '../../support/executions.ts'
import { normal } from '../../support/generated-work.ts'
import { randomOf } from '../../support/random.ts'

const observation = { point: { features: [] } as never, need: 1, runtimeMs: 1 }

/** Index of the note at which a change was certain. */
function noticedAt(notes: readonly (readonly [rank: number, shift: number])[]): number | undefined {
  const watch = drift()
  const at = notes.findIndex(([rank, shift]) => noteNeed(watch, observation, rank, shift) !== undefined)
  return at < 0 ? undefined : at
}

describe('a change of where needs come from', () => {
  test('is noticed at the fifth execution in a row that nobody foretold, up or down', () => {
    const steady = Array.from({ length: 20 }, (_, i) => [(i % 10) / 10, 0.01] as const)
    expect(noticedAt([...steady, ...Array(8).fill([0.01, -1])])).toBe(24)
    expect(noticedAt([...steady, ...Array(8).fill([0.99, 1])])).toBe(24)
  })

  test('is none where one of the five was as foretold, or where they are only a little off', () => {
    const broken = [...Array(4).fill([0.01, -1]), [0.5, 0], ...Array(4).fill([0.01, -1])]
    expect(noticedAt(broken)).toBeUndefined()
    expect(noticedAt(Array(20).fill([0.001, -0.3]))).toBeUndefined()
  })

  test('is not seen in ranks that are as good as random, however far needs scatter', () => {
    const random = randomOf(9)
    const notes = Array.from({ length: 2_000 }, () => {
      const rank = random()
      return [rank, rank < 0.5 ? -2 : 2] as const
    })
    expect(noticedAt(notes)).toBeUndefined()
  })

  test('is remembered by nobody longer than five executions', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double())), (notes) => {
        const watch = drift()
        for (const [rank, shift] of notes) noteNeed(watch, observation, rank, shift)
        expect(watch.latest.length).toBeLessThanOrEqual(5)
      }),
    )
  })
})

describe('a task whose need changed', () => {
  const history = (needs: readonly number[]) =>
    needs.map((memoryBytes, i) => recordOf(`${i}`, { memoryBytes, durationMs: 60_000 }))
  const around = (need: number, count: number, seed: number) => {
    const random = randomOf(seed)
    return Array.from({ length: count }, () => need * Math.exp(0.05 * normal(random)))
  }
  const memoryOf = (needs: readonly number[]) =>
    fitTask(history(needs), strategies).dimensions.get('memoryBytes')

  test('is learned anew from the executions since, and says how many it forgot', () => {
    const model = memoryOf([...around(4e9, 60, 1), ...around(1e9, 8, 2)])
    expect(model).toMatchObject({ forgotten: 60, observed: 8 })
    expect(model?.largest).toBeLessThan(1.3e9)
  })

  test('is the same where it is fitted anew from the same executions', () => {
    const needs = [...around(5e9, 60, 3), ...around(1e9, 20, 4)]
    const known = (model: ReturnType<typeof memoryOf>) =>
      model?.tracks.map(({ strategy, score, residuals }) => [strategy, score, residuals.values])
    expect(known(memoryOf(needs))).toEqual(known(memoryOf(needs)))
    expect(memoryOf(needs)?.forgotten).toBe(60)
  })

  test.each([
    ['that is steady', around(2e9, 90, 5)],
    ['that grows slowly', around(2e9, 90, 6).map((need, i) => need * 1.004 ** i)],
    ['that has two modes', around(1e9, 90, 7).map((need, i) => (i % 3 === 0 ? 4 * need : need))],
  ])('one %s forgets nothing', (_, needs) => {
    expect(memoryOf(needs)?.forgotten).toBe(0)
  })
})
