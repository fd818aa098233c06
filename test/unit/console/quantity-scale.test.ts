import { describe, expect, test } from 'vitest'
import { dimensionKinds, featureKind, quantityScale } from '../../../console/plots/quantity-scale.ts'

const shown = (scale: ReturnType<typeof quantityScale>) => scale.ticks.map(scale.tickFormat)

describe('an axis', () => {
  test('of bytes is divided by round binary multiples, from zero', () => {
    const scale = quantityScale(dimensionKinds.memoryBytes, [3e9, 11e9, 23e9])
    expect(scale).toMatchObject({ type: 'linear', label: 'memory' })
    expect(shown(scale)).toEqual(['0 B', '5 GiB', '10 GiB', '15 GiB', '20 GiB'])
    expect(scale.domain[1]).toBeGreaterThan(23e9)
  })

  test('of time is divided by round units of time', () => {
    expect(shown(quantityScale(dimensionKinds.durationMs, [90_000, 540_000]))).toEqual([
      '0 ms',
      '2 min',
      '4 min',
      '6 min',
      '8 min',
    ])
  })

  test('over a wide range is logarithmic and says so', () => {
    const scale = quantityScale(featureKind('input_bytes'), [2 ** 20, 2 ** 30])
    expect(scale).toMatchObject({ type: 'log', label: 'input_bytes (logarithmic)' })
    expect(shown(scale)).toEqual(['1 MiB', '8 MiB', '64 MiB', '512 MiB'])
  })

  test('of a number that counts no bytes is written with its thousands', () => {
    expect(shown(quantityScale(featureKind('reads'), [1e6, 9e6]))).toEqual(['0', '2M', '4M', '6M', '8M'])
  })

  test.each([
    [Number.MIN_VALUE],
    [Number.MIN_VALUE, 3],
    [0, Number.MAX_VALUE],
    [1e-308, Number.MAX_VALUE],
    [-Number.MAX_VALUE, Number.POSITIVE_INFINITY],
  ])('of the ends of what a number can be (%d, …) has a domain, and few ticks', (...values) => {
    for (const kind of [featureKind('reads'), featureKind('input_bytes'), ...Object.values(dimensionKinds)]) {
      const { domain, ticks } = quantityScale(kind, values)
      expect(domain.every(Number.isFinite)).toBe(true)
      expect(ticks.length).toBeLessThan(30)
    }
  })

  test('of nothing has no ticks', () => {
    expect(quantityScale(dimensionKinds.cpuCores, []).ticks).toEqual([])
  })
})
