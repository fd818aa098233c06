import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createWorker } from '../../workers/typescript/worker.ts'
import { foresize } from '../e2e/support.ts'
import { countOf, eventually, testProfiler } from '../support/profiler-service.ts'
import { redisServer, wireTo } from '../support/redis.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const portOf = (address: string) => Number(address.split(':').at(-1))

/** The steps of docs/kubernetes.md, "From single-node to production", with a relay in the place of the Service. */
test('profiles move from LMDB to Redis under load: each execution is counted once, those under way too', {
  timeout: 60_000,
}, async () => {
  const folder = await temporaryDirectory()
  const redis = await redisServer()
  cleanups.push(() => redis.stop())
  const before = await testProfiler({ store: 'lmdb', dataDir: join(folder, 'profiles') })
  cleanups.push(() => before.stop())
  const after = await testProfiler({ store: 'redis', redisNodes: [redis.node] })
  cleanups.push(() => after.stop())
  const relay = { ports: [portOf(before.address), portOf(after.address)] }
  const [toBefore, toAfter] = await Promise.all(relay.ports.map(wireTo))
  if (toBefore === undefined || toAfter === undefined) throw new Error('no relay')
  cleanups.push(toBefore.close, toAfter.close)

  toAfter.cut()
  const worker = createWorker({
    target: `ipv4:${toBefore.node},${toAfter.node}`,
    reconnectMinMs: 10,
    reconnectMaxMs: 50,
  })
  cleanups.push(() => worker.close())
  let ended = 0
  const finish = (count: number) => {
    for (let i = 0; i < count; i++) {
      worker
        .startExecution({ task: 'task' })
        .end('succeeded', { memoryBytes: 1e6 + i, durationMs: 1 }, 'cgroup')
      ended++
    }
  }

  finish(300)
  expect(await worker.flush(10_000)).toBe(true)
  const underWay = worker.startExecution({ task: 'task' })
  underWay.sample({ elapsedMs: 1, memoryBytes: 1e6 })

  async function copy() {
    const file = join(folder, 'profiles.pb')
    expect(await foresize(['profiles', 'export', file, '--profiler', before.address]).done).toMatchObject({
      code: 0,
    })
    expect(await foresize(['profiles', 'import', file, '--profiler', after.address]).done).toMatchObject({
      code: 0,
    })
  }

  await copy()
  expect(await countOf(after.client)).toBe(300)
  finish(20)
  expect(await worker.flush(10_000)).toBe(true)

  toBefore.cut()
  toAfter.mend()
  finish(20)
  underWay.end('succeeded', { memoryBytes: 1e6, durationMs: 5 }, 'cgroup')
  ended++
  expect(await worker.flush(30_000)).toBe(true)
  await copy()
  await eventually(async () => (await countOf(after.client)) === ended)
  await copy()
  expect(await countOf(after.client)).toBe(ended)
})
