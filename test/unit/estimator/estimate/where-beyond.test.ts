import { describe, expect, test } from 'vitest'
import { whereBeyond } from '../../../../services/estimator/domain/estimate/where-beyond.ts'
import { beyondRange } from '../../../../services/estimator/domain/history/range.ts'
import { execution, profileOf } from '../../../support/histories.ts'
import { always, modelAfter } from '../../../support/models.ts'
import { pointAt } from '../../../support/points.ts'
import { confidenceOf, evidenceOfTask, learned, queryOf } from '../../../support/queries.ts'

describe('a query of several features', () => {
  const taught = (rows: readonly (readonly [values: readonly (number | undefined)[], need: number])[]) =>
    modelAfter(
      rows.map(([values, need]) => ({ point: pointAt(values), need })),
      { registry: { one: always(1e9) } },
    )
  /** The need goes with the first, and hardly with the second; the third stays as it is. */
  const model = taught(
    Array.from({ length: 24 }, (_, i) => {
      const [a, b] = [1 + (i % 8), 1 + (i % 3)]
      return [[a, b, 7], 1e9 * a * b ** 0.3] as const
    }),
  )
  const beyond = (of: typeof model, ...values: readonly (number | undefined)[]) => {
    const range = beyondRange(of.executions, pointAt(values))
    return range && whereBeyond(of, pointAt(values), range)
  }
  /** By feature how far a query is beyond its range; features of one way together. */
  const waysTo = (...args: Parameters<typeof beyond>) =>
    beyond(...args)?.ways.map(({ record, own, other }) => [
      [record.column, Math.exp(own.to - own.from)],
      ...(record.joint && other ? [[record.joint.column, Math.exp(other.to - other.from)]] : []),
    ])

  const close = (times: number) => expect.closeTo(times, 9)

  test('is beyond the range along each that says something too, and of two that say it together along both', () => {
    expect(waysTo(model, 16, 30, 7)).toEqual([
      [
        [0, close(2)],
        [1, close(10)],
      ],
      [
        [1, close(10)],
        [0, close(2)],
      ],
    ])
    expect(waysTo(model, 16, 2, 7)).toEqual([
      [
        [0, close(2)],
        [1, close(1)],
      ],
    ])
    expect(waysTo(model, 4, 30, 70)).toEqual([
      [
        [1, close(10)],
        [0, close(1)],
      ],
      [[2, close(10)]],
    ])
    expect(beyond(model, 8, 3, 7)).toBeUndefined()
  })

  test('along others than the most informative one from five per cent on', () => {
    expect(waysTo(model, 4, 3.14, 7)).toBeUndefined()
    expect(waysTo(model, 4, 3.16, 7)).toHaveLength(1)
    expect(waysTo(model, 8.01, 2, 7)).toHaveLength(1)
    expect(waysTo(model, 16, 3.14, 7)).toEqual([
      [
        [0, close(2)],
        [1, close(3.14 / 3)],
      ],
    ])
  })

  test('but not along one that most executions lacked', () => {
    const rare = (having: number) =>
      taught(Array.from({ length: 8 }, (_, i) => [[1 + i, i < having ? 1 + i : undefined], 1e9 * (1 + i)]))
    expect(beyond(rare(3), 4, 100)).toBeUndefined()
    expect(waysTo(rare(4), 4, 100)).toEqual([[[1, close(25)]]])
  })

  test('nor along more than four: those that explain most of the need', () => {
    const many = taught(
      Array.from({ length: 30 }, (_, i) => [
        Array.from({ length: 12 }, (_, c) => 1 + ((i * (c + 3)) % 29)),
        1e9 * (1 + ((i * 3) % 29)),
      ]),
    )
    const far = Array.from({ length: 12 }, () => 100)
    const columns = beyond(many, ...far)?.features.map(({ column }) => column)
    expect(columns).toEqual(
      many.features
        .inOrder()
        .slice(0, 4)
        .toSorted((a, b) => a - b),
    )
  })

  test('the one that says most beside the most informative one is of the four, however many say what that says', () => {
    const many = taught(
      Array.from({ length: 40 }, (_, i) => {
        const [a, b] = [100 ** ((i * 0.7548776662) % 1), 10 ** ((i * 0.569840291) % 1)]
        const alike = Array.from({ length: 6 }, (_, c) => a * (1 + 0.1 * Math.sin(i * (c + 2))))
        return [[a, ...alike, b], 1e9 * a * b]
      }),
    )
    const within = Array.from({ length: 7 }, () => 20)
    expect(many.features.inOrder().indexOf(7)).toBeGreaterThan(3)
    expect(beyond(many, ...within, 1000)?.features).toMatchObject([{ column: 7 }])
  })

  test('nor within five per cent of the edge of one that grows as it goes', () => {
    const growing = taught(
      Array.from({ length: 24 }, (_, i) => [[1 + (i % 8), 1.1 ** i], 1e9 * (1 + (i % 8)) * 1.001 ** i]),
    )
    const edge = 1.1 ** 24
    expect(beyond(growing, 4, 1.04 * edge)).toBeUndefined()
    expect(beyond(growing, 4, 1.06 * edge)).toMatchObject({ features: [{ column: 1 }] })
  })

  test('is less sure the farther it is, along whichever', () => {
    const history = Array.from({ length: 30 }, (_, i) => {
      const features = { a: 1e6 * (1 + (i % 10)), b: 1e6 * (1 + (i % 7)) }
      return execution(`e${i}`, { features, used: { memoryBytes: 100 * features.a + 10 * features.b } })
    })
    const evidence = evidenceOfTask(learned(profileOf(history)))
    const times = [1.1, 1.5, 2, 4, 10, 100]
    const sure = times.map((t) => {
      const query = queryOf({ features: { a: 5e6, b: 7e6 * t } })
      return confidenceOf(query, { memoryBytes: 7e8 }, evidence).confidence
    })
    expect(sure).toEqual(sure.toSorted((x, y) => y - x))
    expect(sure.at(-1)).toBeLessThan(sure[0] ?? 0)
  })
})
