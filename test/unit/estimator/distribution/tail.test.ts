import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  probabilityAbove,
  roomAfter,
  tailAfter,
  tailAmong,
  usualSpread,
  withTail,
} from '../../../../services/estimator/domain/distribution/tail.ts'
import { distributionWorkspace } from '../../../../services/estimator/domain/distribution/workspace.ts'
import { anyAmount, anyWeighed, listed, weighed } from '../../../support/distributions.ts'

test('in a distribution it is what it is in the coverage, as far as the room goes', () => {
  const tail = tailAfter(1, 1e9)
  const { chance, room } = tail
  const { needs, cumulative } = listed(withTail(weighed([[Math.log(1e9), 1]]), tail, distributionWorkspace()))
  expect(needs[0]).toBeCloseTo(1e9, 0)
  expect(cumulative[0]).toBeCloseTo(1 - chance, 12)
  expect(needs.at(-1)).toBeCloseTo(1e9 * Math.exp(room), 0)
  for (const [i, need] of needs.entries())
    expect(cumulative[i]).toBeCloseTo(1 - probabilityAbove(tail, need), 12)
})

test('takes its chance from what was seen, alike by count and by run time, and leaves it in order', () => {
  fc.assert(
    fc.property(anyWeighed, anyAmount, fc.integer({ min: 1, max: 200 }), (need, largest, n) => {
      const tail = tailAfter(n, largest)
      const { size, atoms, cumulative, runtimeShare } = withTail(need, tail, distributionWorkspace())
      for (let i = 1; i < size; i++) {
        expect(atoms[i]).toBeGreaterThan(atoms[i - 1] ?? 0)
        expect(cumulative[i]).toBeGreaterThanOrEqual(cumulative[i - 1] ?? 0)
        expect(runtimeShare[i]).toBeGreaterThanOrEqual(runtimeShare[i - 1] ?? 0)
      }
      const beyond = probabilityAbove(tail, largest * Math.exp(tail.room))
      for (const all of [cumulative, runtimeShare]) expect(all[size - 1]).toBeCloseTo(1 - beyond, 9)
      const { needs, cumulative: seen } = listed(need)
      for (const [i, one] of needs.entries())
        if (one < largest && i < needs.length - 1)
          expect(cumulative[atoms.indexOf(need.atoms[i] ?? 0)]).toBeCloseTo(
            (seen[i] ?? 0) * (1 - tail.chance),
            12,
          )
    }),
  )
})

test('after n executions its chance is 0.42 / (n + 1), and it reaches less far the more there were', () => {
  expect(tailAfter(1, 5)).toEqual({ chance: 0.21, largest: 5, room: 0.6 })
  expect(tailAfter(99, 7)).toEqual({ chance: 0.0042, largest: 7, room: expect.closeTo(0.15025, 5) })
  expect(roomAfter(100)).toBeCloseTo(0.15, 12)
})

describe('among executions alike in size', () => {
  const chance = (executions: number, alike: number, asLarge: number) =>
    tailAmong({ executions, alike, asLarge }, 1e9).chance

  test('is 1 / (alike + 1) of many, and the less the more are at least as large', () => {
    expect(tailAmong({ executions: 1e9, alike: 1, asLarge: 0 }, 7)).toEqual({
      chance: expect.closeTo(0.5, 6),
      largest: 7,
    })
    expect(chance(1e9, 4, 0)).toBeCloseTo(0.2, 6)
    expect(chance(1e9, 4, 3)).toBeCloseTo(0.05, 6)
  })

  test('is less where they are not few of many: none where all are alike', () => {
    expect(chance(99, 19, 0)).toBeCloseTo(0.8 ** 3 / 20, 12)
    expect(chance(3, 1, 0)).toBeCloseTo(0.5 ** 3 / 2, 12)
    expect(chance(2, 2, 0)).toBe(0)
  })

  test('is a probability', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.nat(200), fc.nat(200), (a, b, c) => {
        const [asLarge = 0, alike = 0, executions = 0] = [a, b, c].sort((x, y) => x - y)
        const found = chance(executions, alike, asLarge)
        expect(found >= 0 && found <= 1).toBe(true)
      }),
    )
  })
})

test('where the largest needs lie close together there is less room above them, of 8 % at least', () => {
  expect(roomAfter(25, 2 * usualSpread)).toBe(roomAfter(25))
  expect(roomAfter(25, 0.5 * usualSpread)).toBeCloseTo((0.08 + roomAfter(25)) / 2, 12)
  expect(roomAfter(25, 0)).toBeCloseTo(0.08, 12)
  expect(tailAfter(25, 7, false, 0)).toEqual({ ...tailAfter(25, 7), room: roomAfter(25, 0) })
})

test('its chance falls with the square of the amount above the largest seen', () => {
  const tail = { chance: 0.2, largest: 10, room: 1 }
  expect([5, 10, 20, 100].map((amount) => probabilityAbove(tail, amount))).toEqual(
    [0.2, 0.2, 0.05, 0.002].map((p) => expect.closeTo(p, 12)),
  )
})

test('it is four atoms, evenly spaced from the largest need seen', () => {
  const distribution = weighed([
    [-1, 1, 3],
    [0, 1, 1],
  ])
  const { size, atoms, cumulative, runtimeShare } = withTail(
    distribution,
    { chance: 0.5, largest: 1, room: 1 },
    distributionWorkspace(),
  )
  const close = (...values: readonly number[]) => values.map((value) => expect.closeTo(value, 12))
  const passed = [0.25, 0.5, 0.75, 1].map((x) => 0.5 * (1 - Math.exp(-2 * x)))
  expect([...atoms.subarray(0, size)]).toEqual(close(-1, 0, 0.25, 0.5, 0.75, 1))
  expect([...cumulative.subarray(0, size)]).toEqual(close(0.25, 0.5, ...passed.map((p) => 0.5 + p)))
  expect([...runtimeShare.subarray(0, size)]).toEqual(close(0.375, 0.5, ...passed.map((p) => 0.5 + p)))
})

test('it begins at the largest predicted where that is below the largest seen', () => {
  const tail = { chance: 0.5, largest: Math.exp(9), room: 1 }
  const { size, atoms } = withTail(weighed([[2, 1]]), tail, distributionWorkspace())
  expect([...atoms.subarray(0, size)]).toEqual([2, 2.25, 2.5, 2.75, 3])
})

test('needs above the largest seen lie among its atoms; one at an atom comes once', () => {
  const distribution = weighed([
    [0.1, 1],
    [0.25, 1],
    [0.6, 2],
    [5, 4],
  ])
  const tail = { chance: 0.5, largest: 1, room: 1 }
  const { size, atoms, cumulative } = withTail(distribution, tail, distributionWorkspace())
  expect([...atoms.subarray(0, size)]).toEqual([0.1, 0.25, 0.5, 0.6, 0.75, 1, 5])
  const passed = (x: number) => 0.5 * (1 - Math.exp(-2 * x))
  expect([...cumulative.subarray(0, size)]).toEqual(
    [
      0.0625,
      0.125 + passed(0.25),
      0.125 + passed(0.5),
      0.25 + passed(0.5),
      0.25 + passed(0.75),
      0.25 + passed(1),
      0.5 + passed(1),
    ].map((p) => expect.closeTo(p, 12)),
  )
})

test('a workspace that was used before changes nothing', () => {
  const workspace = distributionWorkspace()
  for (const count of [3, 30, 2]) {
    const need = weighed(Array.from({ length: count }, (_, i) => [0.1 * i, 1]))
    const tail = tailAfter(count, Math.exp(0.1 * count))
    expect(listed(withTail(need, tail, workspace))).toEqual(
      listed(withTail(need, tail, distributionWorkspace())),
    )
  }
})

test('where the most informative feature is known its chance is 0.25 / (n + 1), and it reaches as far', () => {
  expect(tailAfter(99, 7, true)).toEqual({ ...tailAfter(99, 7), chance: 0.0025 })
})
