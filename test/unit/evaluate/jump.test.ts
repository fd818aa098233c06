import { expect, test } from 'vitest'
import { splitBySize } from '../../../cli/evaluate/jump.ts'

const rowsOf = (sizes: readonly number[]) =>
  sizes.map((size) => ({
    task: 't',
    completed: true,
    features: { size },
    labels: {},
    peakMemoryBytes: 1e9,
    durationMs: 1000,
  }))

const sizesOf = (rows: readonly { readonly features: Readonly<Record<string, number>> }[] = []) =>
  rows.map(({ features }) => features['size'])

/** 40 sizes from 1 to 40, in no order. */
const sizes = Array.from({ length: 40 }, (_, i) => 1 + ((i * 7) % 40))
const upTo = (first: number, last: number) =>
  Array.from({ length: 20 }, (_, i) => first + i * Math.sign(last - first))

test('of a task one half by size is learned, the other is asked, the nearest first', () => {
  const [larger] = splitBySize(rowsOf(sizes), 'size')
  expect(larger).toMatchObject({ task: 't', edge: 20 })
  expect(sizesOf(larger?.learned).toSorted((a = 0, b = 0) => a - b)).toEqual(upTo(1, 20))
  expect(sizesOf(larger?.asked)).toEqual(upTo(21, 40))

  const [smaller] = splitBySize(rowsOf(sizes), 'size', 'smaller')
  expect(smaller).toMatchObject({ edge: 21 })
  expect(sizesOf(smaller?.learned).toSorted((a = 0, b = 0) => a - b)).toEqual(upTo(21, 40))
  expect(sizesOf(smaller?.asked)).toEqual(upTo(20, 1))
})

test('what is as large as the edge is not asked', () => {
  const [split] = splitBySize(rowsOf(sizes.map((size) => (size <= 25 ? 20 : size))), 'size')
  expect(split?.edge).toBe(20)
  expect(Math.min(...sizesOf(split?.asked).map((size) => size ?? 0))).toBe(26)
})

test.each([
  ['fewer than 40 executions', sizes.slice(1)],
  ['no size beyond 1.2 times the others', sizes.map((size) => 200 + size)],
])('a task with %s is left out', (_, few) => {
  expect(splitBySize(rowsOf(few), 'size')).toEqual([])
  expect(splitBySize(rowsOf(few), 'size', 'smaller')).toEqual([])
})
