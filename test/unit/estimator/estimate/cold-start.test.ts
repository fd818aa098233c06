import { expect, test } from 'vitest'
import { probability, quantile } from '../../../../services/estimator/domain/distribution/distribution.ts'
import { mixtureAround } from '../../../../services/estimator/domain/distribution/mixture.ts'
import { tailAfter } from '../../../../services/estimator/domain/distribution/tail.ts'
import {
  type ColdStart,
  coldStart,
  type TaskGroup,
} from '../../../../services/estimator/domain/estimate/cold-start.ts'
import { summarise } from '../../../../shared/domain/cohort.ts'
import { listed } from '../../../support/distributions.ts'
import { cohortOf, execution } from '../../../support/histories.ts'

const namespaceKey = { namespace: 'default', kind: 'namespace', task: '' } as const

test('without history: the closest cohort, then the namespace by its requests, the request, the default', () => {
  const tool = cohortOf('tool=bwa', [2e9, 2.1e9, 2.2e9])
  const few = cohortOf('image=x', [9e9])
  const requested = { requested: { memoryBytes: 8e9 } }
  const half = (i: number) =>
    summarise(`t${i}`, 1, [
      execution(`n${i}`, { requested: { memoryBytes: 2e9 }, used: { memoryBytes: 1e9 } }),
    ])
  const namespace = { key: namespaceKey, members: [half(0), half(1), half(2)] }
  const from = (
    ...[groups, query]: [Parameters<typeof coldStart>[0], { requested: { memoryBytes?: number } }]
  ) => coldStart(groups, query, { memoryBytes: 4e9 }, 'memoryBytes')

  expect(from([few, tool, namespace], { requested: {} })?.basis).toMatchObject({ kind: 'cohort' })
  expect(from([few, tool], { requested: {} })?.basis).toMatchObject({ name: 'tool=bwa' })
  expect(from([few, namespace], requested)?.basis).toMatchObject({ kind: 'namespace' })
  expect(from([few], requested)).toMatchObject({ basis: { kind: 'request' }, amount: 8e9 })
  expect(from([namespace], { requested: {} })).toMatchObject({ basis: { kind: 'default' }, amount: 4e9 })
  expect(coldStart([], { requested: {} }, {}, 'gpuMemoryBytes')).toBeUndefined()
})

test('without a request many tasks of the namespace say what is needed, where to lack it is fatal', () => {
  const used = { memoryBytes: 1e9, cpuCores: 1 }
  const member = (i: number) => summarise(`t${i}`, 1, [execution(`n${i}`, { requested: {}, used })])
  const from = (count: number, dimension: 'memoryBytes' | 'cpuCores') => {
    const namespace = { key: namespaceKey, members: Array.from({ length: count }, (_, i) => member(i)) }
    return coldStart([namespace], { requested: {} }, { memoryBytes: 4e9, cpuCores: 2 }, dimension)
  }

  expect(from(7, 'memoryBytes')).toMatchObject({ basis: { kind: 'default' }, amount: 4e9 })
  expect(from(8, 'memoryBytes')).toMatchObject({
    basis: { kind: 'namespace', tasks: 8, name: 'default' },
  })
  expect(from(8, 'cpuCores')).toMatchObject({ basis: { kind: 'default' }, amount: 2 })
})

const used = (memoryBytes: number, requested?: number, i = 0) =>
  execution(`u${i}`, {
    requested: requested === undefined ? {} : { memoryBytes: requested },
    used: { memoryBytes },
  })

const group = (...tasks: readonly (readonly ReturnType<typeof used>[])[]): TaskGroup => ({
  key: { namespace: 'default', kind: 'cohort', task: 'tool=x' },
  members: tasks.map((executions, i) => summarise(`t${i}`, 1, executions)),
})

const starting = (groups: readonly TaskGroup[], memoryBytes?: number) =>
  coldStart(groups, { requested: memoryBytes === undefined ? {} : { memoryBytes } }, {}, 'memoryBytes')

test('a cohort speaks as far as its tasks are alike: their means within a factor of e, as a standard deviation', () => {
  const alike = (spread: number) => [-1, 0, 1].map((z) => [used(1e9 * Math.exp(spread * z), 4e9)])
  expect(starting([group(...alike(0.99))], 8e9)?.basis).toMatchObject({ kind: 'cohort' })
  expect(starting([group(...alike(1.01))], 8e9)).toMatchObject({ basis: { kind: 'request' }, amount: 8e9 })
  const closer = group(...alike(0.2))
  expect(starting([group(...alike(1.01)), closer])?.basis).toMatchObject({ kind: 'cohort', ofRequest: false })
  const namespace = { ...group(...alike(1.01)), key: namespaceKey }
  expect(starting([namespace], 8e9)?.basis).toMatchObject({ kind: 'namespace' })
})

test('a task that needed more than a hundred times its request, as in another unit, says nothing of requests', () => {
  const megabytesForBytes = [used(1e9, 4e9), used(1e9, 4e9 / 1e6, 1)]
  const tasks = [1, 1.1, 1.2].map((share) => [used(share * 1e9, 4e9)])
  expect(starting([group(...tasks, megabytesForBytes)], 8e9)).toEqual({
    ...starting([group(...tasks)], 8e9),
    basis: { kind: 'cohort', name: 'tool=x', tasks: 4, ofRequest: true },
  })
  const namespace = { ...group(...tasks.slice(0, 2), megabytesForBytes), key: namespaceKey }
  expect(starting([namespace], 8e9)).toMatchObject({ basis: { kind: 'request' }, amount: 8e9 })
  const burstable = { ...group(...tasks.map(() => [used(9.9e9, 1e8)])), key: namespaceKey }
  expect(starting([burstable], 1e8)?.basis).toMatchObject({ kind: 'namespace' })
})

test('nor does one that never needed a hundred-thousandth of its request, as in another unit', () => {
  const petabytes = Array.from({ length: 8 }, () => [used(1e9, 1e15)])
  const namespace = { ...group(...petabytes), key: namespaceKey }
  expect(starting([namespace], 8e9)).toMatchObject({ basis: { kind: 'request' }, amount: 8e9 })
  expect(starting([group(...petabytes)], 8e9)).toMatchObject({ basis: { kind: 'request' }, amount: 8e9 })
  const generous = { ...group(...petabytes.map(() => [used(1e6, 6e9)])), key: namespaceKey }
  expect(starting([generous], 8e9)?.basis).toMatchObject({ kind: 'namespace' })
})

test('each task counts 0.7 by its mean and 0.3 by its largest, around what they use on average', () => {
  const tasks = [1e9, 3e9, 7e9].map((bytes) => [used(bytes), used(4 * bytes)])
  const start = starting([group(...tasks)])
  const logs = [1e9, 3e9, 7e9].map((bytes) => [Math.log(2 * bytes), Math.log(4 * bytes)] as const)
  const points = logs.flatMap(([mean, max]) => [[mean, 0.7] as const, [max, 0.3] as const])
  const middle = points.reduce((sum, [at, weight]) => sum + at * weight, 0) / 3
  const expected = mixtureAround(
    points.map(([at, weight]) => [at - middle, weight]),
    middle,
  )
  const { needs, cumulative } = listed(start?.need.distribution ?? expected)
  expect(needs).toEqual(listed(expected).needs.map((need) => expect.closeTo(need, 0)))
  expect(cumulative).toEqual(listed(expected).cumulative.map((share) => expect.closeTo(share, 9)))
  expect(start?.need.tail).toEqual({ ...tailAfter(3, 28e9), largest: expect.closeTo(28e9, 0) })
  expect(start).toMatchObject({ basis: { kind: 'cohort', tasks: 3, ofRequest: false } })
  expect(start?.request).toBeUndefined()
  expect(start?.amount).toBeUndefined()
})

test('with a request it is the share that tasks use of theirs; those without requests do not count', () => {
  const tasks = [[used(1e9, 2e9), used(2e9, 2e9)], [used(1e9, 4e9)], [used(3e9, 4e9)], [used(9e9)]]
  const start = starting([group(...tasks)], 10e9)
  expect(start?.basis).toMatchObject({ kind: 'cohort', ofRequest: true })
  expect(start?.need.tail?.largest).toBeCloseTo(10e9, 0)
  expect(start?.need.tail?.chance).toBe(tailAfter(3, 1).chance)
  const { needs } = listed((start as ColdStart).need.distribution)
  // From a quarter to all of it, each widened by its kernel, around the request.
  expect(needs.at(-1)).toBeGreaterThan(10e9)
  expect(needs[0]).toBeLessThan(2.5e9)
  expect(starting([group(...tasks.slice(1))], 10e9)?.basis).toEqual({ kind: 'request' })
})

test('an amount of next to nothing, or without end, is as good as none', () => {
  const from = (request: number, fallback: number) =>
    coldStart([], { requested: { memoryBytes: request } }, { memoryBytes: fallback }, 'memoryBytes')
  expect(from(1e-3, 5)?.basis).toEqual({ kind: 'request' })
  expect(from(0.9e-3, 5)?.basis).toEqual({ kind: 'default' })
  expect(from(Number.POSITIVE_INFINITY, 5)?.basis).toEqual({ kind: 'default' })
  expect(from(0, 0)).toBeUndefined()
})

test('half of the requests are for more than twelve times the need, one in 24 for less than it', () => {
  const start = starting([], 3e9) as ColdStart
  expect(start).toMatchObject({ amount: 3e9, request: 3e9 })
  expect(start.need.tail).toBeUndefined()
  const { distribution } = start.need
  expect(probability(distribution, 3e9 / 12)).toBeCloseTo(0.5, 2)
  expect(probability(distribution, 3e9)).toBeCloseTo(1 - 1 / 24, 2)
  const twice = (starting([], 6e9) as ColdStart).need.distribution
  for (const q of [0.05, 0.5, 0.95]) expect(quantile(twice, q) / quantile(distribution, q)).toBeCloseTo(2, 9)
})

test('of a task of which nothing is known the need is believed to be what tasks need, whatever the default', () => {
  const byDefault = (memoryBytes: number) =>
    coldStart([], { requested: {} }, { memoryBytes }, 'memoryBytes') as ColdStart
  expect(byDefault(3e9)).toMatchObject({ amount: 3e9, basis: { kind: 'default' } })
  const { distribution } = byDefault(3e9).need
  expect(listed(distribution)).toEqual(listed(byDefault(6e9).need.distribution))
  expect(probability(distribution, 5e8)).toBeCloseTo(0.5, 2)
  expect(quantile(distribution, 0.05)).toBeLessThan(5e6)
  expect(quantile(distribution, 0.95)).toBeGreaterThan(5e10)
})

test('of three tasks of a namespace what they use of their requests counts, as for a cohort', () => {
  const tasks = [1, 2, 3].map((i) => [used(i * 1e9, 4e9)])
  const namespace = { ...group(...tasks), key: namespaceKey }
  expect(starting([namespace], 8e9)).toMatchObject({
    basis: { kind: 'namespace', name: 'default', ofRequest: true },
    request: 8e9,
  })
})

test('looks at the dimension in question, whatever else was measured, in those tasks that have it', () => {
  const both = (memoryBytes: number, i: number) => [
    execution(`b${i}`, { requested: {}, used: { cpuCores: 2, memoryBytes } }),
  ]
  const other = [execution('o', { requested: {}, used: { cpuCores: 2 } })]
  const start = starting([group(other, both(1e9, 1), both(2e9, 2), both(3e9, 3))])
  expect(start?.need.tail?.largest).toBeCloseTo(3e9, 0)
  expect(start?.need.tail?.chance).toBe(tailAfter(3, 1).chance)
})
