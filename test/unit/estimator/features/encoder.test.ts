import { expect, test } from 'vitest'
import { encoder } from '../../../../services/estimator/domain/features/encoder.ts'

test('features get a column each in order of first appearance, those of one execution by name', () => {
  const { encode } = encoder()
  encode({ b: 1, a: 1 }, {}, true)
  const point = encode({ c: 3, b: 2, a: 1 }, {}, true)
  expect(point.values).toStrictEqual([1, 2, 3])
})

test('logarithms are ln(1 + |v|) with the sign of v', () => {
  const { logs } = encoder().encode({ a: Math.E - 1, b: 0, c: 1 - Math.E, d: 1e6 - 1 }, {}, true)
  expect(logs).toEqual([1, 0, -1, Math.log(1e6)])
})

test('a feature that is absent or not finite is undefined', () => {
  const { encode } = encoder()
  encode({ a: 1, b: 1, c: 1 }, {}, true)
  const point = encode({ a: Number.NaN, b: Number.POSITIVE_INFINITY }, {}, false)
  expect(point.values).toStrictEqual([undefined, undefined, undefined])
  expect(point.logs).toStrictEqual([undefined, undefined, undefined])
})

test('a query makes no columns', () => {
  const { encode } = encoder()
  encode({ a: 1 }, {}, true)
  expect(encode({ a: 2, b: 1 }, {}, false).values).toEqual([2])
  expect(encode({ c: 3 }, {}, true).values).toStrictEqual([undefined, 3])
})

test('there are at most 32 columns', () => {
  const { encode } = encoder()
  const features = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`f${10 + i}`, i]))
  const { values } = encode(features, {}, true)
  expect(values).toEqual(Array.from({ length: 32 }, (_, i) => i))
})

test('labels are kept as they are, with their names in order', () => {
  const labels = { tool: 'x', genome: 'human' }
  const point = encoder().encode({}, labels, true)
  expect(point.labels).toEqual(labels)
  expect(point.labelNames).toEqual(['genome', 'tool'])
  expect(encoder().encode({}, { a: 'x', c: 'y', b: 'z', B: 'z' }, true).labelNames).toEqual([
    'B',
    'a',
    'b',
    'c',
  ])
})
