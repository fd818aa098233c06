import fc from 'fast-check'
import { expect, test } from 'vitest'
import { foldedMemory, grownBy } from '../../../../services/profiler/domain/folded-memory.ts'

/** Some that differ in their low bits, and some that do not. */
const prints = fc.array(
  fc.nat(40).map((n) => n * 64),
  { maxLength: 30 },
)

function remembered(before: Float64Array, news: readonly number[], limit: number): Float64Array {
  const memory = foldedMemory(before, limit)
  for (const print of news) memory.remember(print)
  return memory.list()
}

/** The same, one after the other. */
function latest(before: readonly number[], news: readonly number[], limit: number): readonly number[] {
  let list = before
  for (const print of news) if (!list.includes(print)) list = [...list, print].slice(-limit)
  return list
}

test('the latest are remembered, oldest first', () => {
  fc.assert(
    fc.property(fc.array(prints), fc.integer({ min: 1, max: 20 }), (steps, limit) => {
      let list = new Float64Array(0)
      let all: readonly number[] = []
      for (const news of steps) {
        list = remembered(list, news, limit) as typeof list
        all = latest(all, news, limit)
        expect([...list]).toEqual(all)
      }
    }),
  )
})

test('a list stays as it is, whatever grows out of it', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(), prints)), fc.integer({ min: 1, max: 20 }), (steps, limit) => {
      const lists = [new Float64Array(0)]
      const copies: (readonly number[])[] = [[]]
      for (const [from, news] of steps) {
        const list = remembered(lists[from % lists.length] as Float64Array, news, limit)
        lists.push(list as (typeof lists)[number])
        copies.push([...list])
      }
      expect(lists.map((list) => [...list])).toEqual(copies)
    }),
  )
})

test('what was forgotten is remembered anew, and nothing else is lost', () => {
  const before = remembered(new Float64Array(0), [1, 2, 3], 10)
  const memory = foldedMemory(before, 10)
  memory.remember(4)
  expect([memory.forget(2), memory.forget(4), memory.forget(9)]).toEqual([true, true, false])
  expect(memory.remember(2)).toBe(true)
  expect([...memory.list()]).toEqual([1, 3, 2])
  expect([...before]).toEqual([1, 2, 3])
})

test('what was appended and dropped tells how a list grew out of another', () => {
  fc.assert(
    fc.property(
      prints,
      prints,
      fc.integer({ min: 1, max: 20 }),
      fc.boolean(),
      (first, second, limit, isRead) => {
        const list = remembered(new Float64Array(0), first, limit)
        // What was read from a store shares no buffer.
        const before = isRead ? list.slice() : list
        const after = remembered(list, second, limit)
        const grown = grownBy(before, after)
        if (grown) expect([...before.slice(grown.dropped), ...grown.added]).toEqual([...after])
        else expect(before.some((print) => after.includes(print)) && second.length < limit).toBe(false)
      },
    ),
  )
})
