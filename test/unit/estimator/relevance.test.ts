import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encoder, labelRelevance, relevance } from '../../../services/estimator/domain/encoding.ts'
import { neighbourhood } from '../../../services/estimator/domain/neighbours.ts'
import { nearness, recall, recollection } from '../../../services/estimator/domain/views.ts'

describe('what tells most of a need', () => {
  test('is the feature that goes with it, however noisy others are', () => {
    const columns = encoder()
    const telling = relevance()
    for (let i = 1; i <= 30; i++) {
      const features = { noise: Math.sin(i * 99) + 2, size: i * 1e6 }
      telling.observe(columns.encode(features, {}, true), 1e8 + 3e6 * i)
    }
    const point = columns.encode({ noise: 7, size: 1e6 }, {}, false)

    expect(point.values[telling.best()]).toBe(1e6)
  })

  test('among labels is the one whose values part the needs; a name that never repeats tells nothing', () => {
    const telling = labelRelevance()
    const { encode } = encoder()
    for (let i = 0; i < 40; i++) {
      const labels = { sample: `s${i}`, queue: 'batch', genome: i % 2 === 0 ? 'human' : 'yeast' }
      telling.observe(encode({}, labels, true), i % 2 === 0 ? 4e9 : 1e9)
    }
    expect(telling.best()).toBe('genome')
  })

  test('finds the five nearest, of equals the latest first, as going through all would', () => {
    const anyInput = fc.option(fc.constantFrom(0, 1, 2, 5, 9, 1e6), { nil: undefined })
    fc.assert(
      fc.property(fc.array(anyInput, { maxLength: 60 }), anyInput, (inputs, asked) => {
        const columns = encoder()
        columns.encode({ size: 1 }, {}, true)
        const pointOf = (size: number | undefined) =>
          columns.encode(size === undefined ? {} : { size }, {}, false)
        const held = recollection()
        const { find } = neighbourhood(held)
        for (const [i, size] of inputs.entries())
          recall(held, { point: pointOf(size), need: i + 1, runtime: 1, slow: 1, fast: 1 })
        const point = pointOf(asked)
        const distance = (i: number) =>
          Math.abs((held.points[i]?.logs[0] ?? Number.NaN) - (point.logs[0] ?? Number.NaN))
        const all = [...inputs.keys()].filter((i) => !Number.isNaN(distance(i)))
        const nearest = all.sort((a, b) => distance(a) - distance(b) || b - a).slice(0, 5)

        const { count, needs, distances } = find(0, point)
        expect([...needs.subarray(0, count)]).toEqual(nearest.map((i) => i + 1))
        expect([...distances.subarray(0, count)]).toEqual(nearest.map(distance))
      }),
    )
  })

  test('makes executions near or far: nearest where it is the same', () => {
    const columns = encoder()
    const held = recollection()
    for (let i = 0; i < 20; i++) {
      const point = columns.encode({ size: i }, {}, true)
      recall(held, { point, need: 1, runtime: 1, slow: 1, fast: 1 })
    }
    const near = new Float64Array(20)
    const query = columns.encode({ size: 5 }, {}, false)

    expect(nearness(held, 0, undefined, query, near)).toBe(true)
    expect(near[5]).toBe(1)
    expect(near[6]).toBeLessThanOrEqual(near[5] as number)
    expect(near[19]).toBeLessThan(near[6] as number)
    expect(Math.min(...near)).toBeGreaterThan(0)
  })
})
