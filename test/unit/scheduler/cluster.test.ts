import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createClusterScheduler } from '../../../services/scheduler/cluster-scheduler.ts'
import { adjust, bestFit, shortOf } from '../../../services/scheduler/domain/placement.ts'
import type { SchedulableTask, SizedTask } from '../../../services/scheduler/resource-aware-scheduler.ts'
import type { Resources } from '../../../shared/domain/resources.ts'
import { anyResources } from '../../support/arbitraries.ts'

const sized = (name: string, allocated: Resources, resize?: () => Resources): SizedTask => {
  const task: SchedulableTask = { task: { namespace: 'default', task: name }, executionId: name }
  const make = (resources: Resources): SizedTask => ({
    task,
    allocated: resources,
    estimateToken: new Uint8Array(),
    decision: { reason: 'off', explanation: '', executions: 0, notices: [] },
    resize: async () => make(resize?.() ?? resources),
  })
  return make(allocated)
}

/** Runs that end when told to. */
function held() {
  const running = new Map<string, () => void>()
  return {
    running,
    run: ({ task }: SizedTask) =>
      new Promise<string>((resolve) => {
        running.set(task.executionId, () => {
          running.delete(task.executionId)
          resolve(task.executionId)
        })
      }),
  }
}

const settle = async () => {
  for (let i = 0; i < 5; i++) await turn()
}

test('best fit leaves the least memory over, among the nodes that fit in every dimension', () => {
  const nodes = [
    { name: 'large', free: { memoryBytes: 100, cpuCores: 8 } },
    { name: 'tight', free: { memoryBytes: 40, cpuCores: 1 } },
    { name: 'small', free: { memoryBytes: 10, cpuCores: 8 } },
  ]
  expect(bestFit(nodes, { memoryBytes: 30, cpuCores: 1 })?.name).toBe('tight')
  expect(bestFit(nodes, { memoryBytes: 30, cpuCores: 2 })?.name).toBe('large')
  expect(bestFit(nodes, { memoryBytes: 101 })).toBeUndefined()
})

test('a task that needs a whole node fits one that is empty again, however often shares of it were given', () => {
  const capacity = { cpuCores: 16 }
  const share = fc.double({ min: 0.01, max: 0.5, noNaN: true })
  const shares = fc.array(fc.tuple(share, fc.double({ min: 0, max: 1, noNaN: true })), { maxLength: 30 })
  let isExact = true
  fc.assert(
    fc.property(shares, (given) => {
      let free: Resources = capacity
      for (const [cpuCores] of given) free = adjust(free, { cpuCores }, -1)
      const asTheyEnd = given.toSorted(([, a], [, b]) => a - b)
      for (const [cpuCores] of asTheyEnd) free = adjust(free, { cpuCores }, 1)
      isExact &&= free.cpuCores === 16
      expect(shortOf(free, capacity)).toBeUndefined()
      expect(shortOf(free, { cpuCores: 16.001 })).toBe('cpuCores')
    }),
    { seed: 1 },
  )
  expect(isExact).toBe(false)
})

test('what is taken and given back leaves a node as it was, and fits while it is not short', () => {
  fc.assert(
    fc.property(anyResources, anyResources, (free, need) => {
      if (shortOf(free, need) !== undefined) return
      const back = adjust(adjust(free, need, -1), need, 1)
      for (const [dimension, value] of Object.entries(free)) {
        const returned = back[dimension as keyof Resources] ?? Number.NaN
        expect(Math.abs(returned - (value ?? 0))).toBeLessThanOrEqual((value ?? 0) * 1e-9)
      }
    }),
  )
})

test('never more is given than a node has, and all that was scheduled runs', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({ memoryBytes: fc.integer({ min: 1, max: 10 }), cpuCores: fc.integer({ min: 1, max: 4 }) }),
        {
          maxLength: 30,
        },
      ),
      async (needs) => {
        const capacity = { memoryBytes: 10, cpuCores: 4 }
        const cluster = createClusterScheduler<SchedulableTask, void>({
          nodes: [
            { name: 'a', capacity },
            { name: 'b', capacity },
          ],
          run: async () => {
            for (const { free } of cluster.free()) {
              expect(free.memoryBytes).toBeGreaterThanOrEqual(0)
              expect(free.cpuCores).toBeGreaterThanOrEqual(0)
            }
            await turn()
          },
        })
        await Promise.all(needs.map((need, i) => cluster.schedule(sized(`t${i}`, need))))
        await settle()
        expect(cluster.running() + cluster.queued()).toBe(0)
        expect(cluster.free().map(({ free }) => free)).toEqual([capacity, capacity])
      },
    ),
    { numRuns: 30 },
  )
})

test('a task is sized anew when it comes to be placed', async () => {
  const { run, running } = held()
  let learned = 100
  const given: (number | undefined)[] = []
  const cluster = createClusterScheduler<SchedulableTask, string>({
    nodes: [{ name: 'a', capacity: { memoryBytes: 100 } }],
    run: (task) => {
      given.push(task.allocated.memoryBytes)
      return run(task)
    },
  })
  const all = ['x', 'y', 'z'].map((name) =>
    cluster.schedule(sized(name, { memoryBytes: 100 }, () => ({ memoryBytes: learned }))),
  )
  await settle()
  learned = 40
  running.get('x')?.()
  await settle()
  expect(given).toEqual([100, 40, 40])
  for (const end of running.values()) end()
  expect(await Promise.all(all)).toEqual(['x', 'y', 'z'])
})

test('a later task that fits may pass one that does not, but not for ever', async () => {
  const { run, running } = held()
  const cluster = createClusterScheduler<SchedulableTask, string>({
    nodes: [{ name: 'a', capacity: { memoryBytes: 10 } }],
    run,
    maxPassed: 2,
  })
  const all = [
    cluster.schedule(sized('first', { memoryBytes: 5 })),
    cluster.schedule(sized('large', { memoryBytes: 10 })),
    ...['s1', 's2', 's3'].map((name) => cluster.schedule(sized(name, { memoryBytes: 2 }))),
  ]
  await settle()
  expect([...running.keys()]).toEqual(['first', 's1', 's2'])
  for (const name of ['first', 's1', 's2']) running.get(name)?.()
  await settle()
  expect([...running.keys()]).toEqual(['large'])
  running.get('large')?.()
  await settle()
  running.get('s3')?.()
  await Promise.all(all)
})

test('a task that fits on no node and a queue that is full are refused at once', async () => {
  const { run, running } = held()
  const cluster = createClusterScheduler<SchedulableTask, string>({
    nodes: [{ name: 'a', capacity: { memoryBytes: 10 } }],
    run,
    maxQueued: 1,
  })
  await expect(cluster.schedule(sized('huge', { memoryBytes: 11 }))).rejects.toMatchObject({
    failure: 'unsupported',
  })
  const first = cluster.schedule(sized('a', { memoryBytes: 10 }))
  await settle()
  const second = cluster.schedule(sized('b', { memoryBytes: 10 }))
  await expect(cluster.schedule(sized('c', { memoryBytes: 1 }))).rejects.toMatchObject({
    failure: 'overloaded',
  })
  running.get('a')?.()
  await settle()
  running.get('b')?.()
  expect(await Promise.all([first, second])).toEqual(['a', 'b'])
})

test('a run that fails gives its place back, and its failure to whoever scheduled it', async () => {
  const cluster = createClusterScheduler<SchedulableTask, void>({
    nodes: [{ name: 'a', capacity: { memoryBytes: 10 } }],
    run: () => {
      throw new Error('broken')
    },
  })
  const all = ['x', 'y'].map((name) => cluster.schedule(sized(name, { memoryBytes: 10 })))
  for (const each of all) await expect(each).rejects.toThrow('broken')
  await settle()
  expect(cluster.free()).toEqual([{ name: 'a', free: { memoryBytes: 10 } }])
})
