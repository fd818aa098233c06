import { expect, test } from 'vitest'
import { connectRedis } from '../../services/profiler/stores/redis-client.ts'
import { quietLog } from '../support/profiler-fixture.ts'
import { type RedisServer, redisCluster, redisServer } from '../support/redis.ts'
import { configOf } from '../support/stores.ts'

/** How often servers had to read from a connection. */
async function readsOf(servers: readonly RedisServer[]): Promise<number> {
  const infos = await Promise.all(servers.map((server) => server.command('INFO', 'stats')))
  return infos.reduce(
    (sum: number, info) => sum + Number(/^total_reads_processed:(\d+)/m.exec(String(info))?.[1]),
    0,
  )
}

async function servers(mode: 'single' | 'cluster') {
  if (mode === 'cluster') return redisCluster()
  const server = await redisServer()
  return { nodes: [server], stop: () => server.stop() }
}

test.each(['single', 'cluster'] as const)(
  'commands of one turn reach a server in one message: %s',
  async (redisMode) => {
    const { nodes, stop } = await servers(redisMode)
    const redisNodes = nodes.map(({ node }) => node)
    const client = await connectRedis(configOf({ store: 'redis', redisMode, redisNodes }), quietLog)
    try {
      const before = await readsOf(nodes)
      const asked = Array.from({ length: 600 }, (_, i) =>
        client.run('HGET', `{foresize:${i % 16}}profile:${i}`, 'e'),
      )
      expect(await Promise.all(asked)).toEqual(asked.map(() => null))
      // Of 600 by themselves, and few of whoever asks for the figure.
      expect((await readsOf(nodes)) - before).toBeLessThan(60)
    } finally {
      await client.close()
      await stop()
    }
  },
)
