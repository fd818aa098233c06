import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { credentials } from '@grpc/grpc-js'
import { open as openLmdb } from 'lmdb'
import { afterEach, expect, test } from 'vitest'
import { keysOf } from '../../services/profiler/stores/redis-layout.ts'
import { ProfilerServiceClient } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { profilerProcess } from '../support/profiler-process.ts'
import { countOf, openStream, testProfiler, wireEnd, wireStart } from '../support/profiler-service.ts'
import { redisServer } from '../support/redis.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

/** How sessions lie in the stores: what a batch writes, and what earlier programs wrote. */

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function folderOf(): Promise<string> {
  const folder = await temporaryDirectory()
  cleanups.push(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A profiler on a store, and how many bytes were written to that since it began. */
async function profilerOn(store: 'lmdb' | 'file' | 'redis') {
  const flags = ['--store', store, '--data-dir', await folderOf()]
  const redis = store === 'redis' ? await redisServer() : undefined
  if (redis) {
    cleanups.push(() => redis.stop())
    flags.push('--redis-nodes', redis.node)
  }
  const profiler = await profilerProcess(flags)
  cleanups.push(() => profiler.kill())
  await profiler.start()
  const client = new ProfilerServiceClient(profiler.address, credentials.createInsecure())
  cleanups.push(() => client.close())
  const written = async () =>
    redis
      ? fieldOf(String(await redis.command('INFO', 'stats')), 'total_net_input_bytes')
      : fieldOf(await readFile(`/proc/${profiler.child().pid}/io`, 'utf8'), 'wchar')
  return { client, written }
}

const fieldOf = (text: string, name: string) => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1])

const label = 'x'.repeat(250)
const labels = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`${i}`, label]))

/** What each of some steps writes, as the median: upkeep writes beside it now and then. */
async function bytesOf(written: () => Promise<number>, count: number, step: (i: number) => Promise<unknown>) {
  const bytes: number[] = []
  for (let i = 0; i < count; i++) {
    const before = await written()
    await step(i)
    bytes.push((await written()) - before)
  }
  return bytes.toSorted((a, b) => a - b)[count >> 1] as number
}

/** Bytes written for a batch of one sample in a session with so many executions open, and for one that is opened anew. */
async function writtenWith(openExecutions: number, store: 'lmdb' | 'file' | 'redis') {
  const { client, written } = await profilerOn(store)
  const stream = await openStream(client, 's')
  const starts = Array.from({ length: openExecutions }, (_, i) => wireStart(`e${i}`, { labels }))
  let sequence = 0
  for (let at = 0; at < starts.length; at += 100) {
    stream.send({ sequence: ++sequence, starts: starts.slice(at, at + 100) })
    await stream.durable(sequence)
  }
  const batchBytes = await bytesOf(written, 30, async (i) => {
    stream.send({
      sequence: ++sequence,
      samples: [{ executionId: `e${i % openExecutions}`, elapsedDeltaMs: [10] }],
    })
    await stream.durable(sequence)
  })
  await stream.close()
  const openBytes = await bytesOf(written, 10, async () => (await openStream(client, 's')).close())
  return { batchBytes, openBytes }
}

test.each(['lmdb', 'file', 'redis'] as const)(
  'on %s a small batch, and taking a session up again, write as little with 600 executions open as with 6',
  { timeout: 180_000 },
  async (store) => {
    const few = await writtenWith(6, store)
    const many = await writtenWith(600, store)
    const figures = [few.batchBytes, many.batchBytes, few.openBytes, many.openBytes].map(Math.round)
    process.stdout.write(`${store}: bytes a batch, with 6 and 600 open, and a session taken up: ${figures}\n`)
    const sessionBytes = 600 * 16 * label.length
    expect(many.batchBytes).toBeLessThan(few.batchBytes + sessionBytes / 100)
    expect(many.openBytes).toBeLessThan(few.openBytes + sessionBytes / 100)
  },
)

const whole = await readFile(new URL('../fixtures/session-whole.bin', import.meta.url))

/** Puts the session `s` there as a program did that stored sessions whole. Returns the settings of a profiler on it. */
const earlier = {
  async file() {
    const dataDir = await folderOf()
    await mkdir(join(dataDir, 'sessions'), { recursive: true })
    const content = Buffer.concat([Buffer.from([1, 0]), Buffer.from('s'), whole])
    await writeFile(join(dataDir, 'sessions', 's.session'), content)
    return { store: 'file', dataDir } as const
  },
  async lmdb() {
    const dataDir = await folderOf()
    const options = { encoding: 'binary', keyEncoding: 'binary' } as const
    const root = openLmdb<Buffer, Buffer>({ path: join(dataDir, 'profiles.lmdb'), ...options })
    root.openDB<Buffer, Buffer>({ name: 'sessions', ...options }).putSync(Buffer.from('s'), whole)
    await root.close()
    return { store: 'lmdb', dataDir } as const
  },
  async redis() {
    const server = await redisServer()
    cleanups.push(() => server.stop())
    const keys = keysOf('s')
    await server.command('HSET', keys.session('s'), 'p', '3', 'o', 'earlier', 'b', whole)
    const counts = { executions: 2, 'executions default': 2, 'bytes default': 2248, 'sessions default': 1 }
    await server.command('HSET', keys.session('s'), 'c', JSON.stringify(counts))
    await server.command('ZADD', keys.due, '1800000300000', 's')
    for (const [name, count] of Object.entries(counts))
      await server.command('HINCRBY', keys.counts, name, `${count}`)
    return { store: 'redis' as const, redisNodes: [server.node] }
  },
} as const

test.each(Object.entries(earlier))(
  'a session that an earlier program stored whole goes on from %s',
  async (_, putThere) => {
    const settings = { ...(await putThere()), maxOpenExecutionsPerNamespace: 3 }
    for (const round of [0, 1, 2]) {
      const { client, stop } = await testProfiler(settings)
      cleanups.push(stop)
      const stream = await openStream(client, 's')
      expect(stream.opened.durableSequence).toBe(4 + round)
      if (round === 0) stream.send({ sequence: 5, ends: [wireEnd('one')] })
      if (round === 1) stream.send({ sequence: 6, starts: ['a', 'b', 'c'].map((id) => wireStart(id)) })
      if (round === 2) stream.send({ sequence: 7, ends: ['two', 'a', 'b'].map((id) => wireEnd(id)) })
      await stream.durable(5 + round)
      // One is open still: of three more there is room for two.
      const refused = stream.received.filter(({ $case }) => $case === 'rejection')
      expect(refused).toHaveLength(round === 1 ? 1 : 0)
      await stream.close()
      if (round === 2) expect(await countOf(client)).toBe(4)
      await stop()
    }
  },
)
