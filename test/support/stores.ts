import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from 'lmdb'
import { type ProfilerConfig, profilerConfig } from '../../services/profiler/config.ts'
import { toFileName } from '../../services/profiler/stores/file-name.ts'
import { stores } from '../../services/profiler/stores/index.ts'
import { keysOf } from '../../services/profiler/stores/redis-layout.ts'
import { profileId } from '../../shared/domain/profile.ts'
import { followingClock, systemClock } from '../../shared/runtime/clock.ts'
import type { StoreSubject } from '../contract/profile-store-steps.ts'
import { quietLog } from './profiler-fixture.ts'
import { type RedisServer, redisCluster, redisServer } from './redis.ts'
import { temporaryDirectory } from './temporary-directory.ts'

/** The service's settings with their defaults. */
export const configOf = (given: Partial<ProfilerConfig>): ProfilerConfig =>
  profilerConfig.parse({ logLevel: 'silent', listen: '127.0.0.1:0', metricsListen: '', ...given })

export async function memorySubject(): Promise<StoreSubject> {
  return {
    open: () =>
      stores.memory(configOf({ store: 'memory', cachedProfiles: 2 }), followingClock(systemClock), quietLog),
    dispose: async () => undefined,
  }
}

export async function fileSubject(given: Partial<ProfilerConfig> = {}): Promise<StoreSubject> {
  const dataDir = await temporaryDirectory()
  const config = configOf({ store: 'file', dataDir, ...given })
  return {
    open: () => stores.file(config, followingClock(systemClock), quietLog),
    async damage({ namespace, kind, task }) {
      const extension = config.fileFormat === 'json' ? 'json' : 'pb'
      const path = join(dataDir, 'profiles', toFileName(namespace), kind, `${toFileName(task)}.${extension}`)
      const content = await readFile(path)
      const at = content.length >> 1
      content.writeUInt8(content.readUInt8(at) ^ 1, at)
      await writeFile(path, content)
    },
    quarantined: async () => (await readdir(join(dataDir, 'quarantine'))).length,
    dispose: () => rm(dataDir, { recursive: true, force: true }),
  }
}

export async function lmdbSubject(given: Partial<ProfilerConfig> = {}): Promise<StoreSubject> {
  const dataDir = await temporaryDirectory()
  const withDatabase = async <T>(
    name: string,
    use: (database: ReturnType<typeof open<Buffer, Buffer>>) => T,
  ) => {
    const root = open<Buffer, Buffer>({
      path: join(dataDir, 'profiles.lmdb'),
      encoding: 'binary',
      keyEncoding: 'binary',
    })
    const database = root.openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' })
    try {
      return use(database as typeof root)
    } finally {
      await root.close()
    }
  }
  return {
    open: () =>
      stores.lmdb(configOf({ store: 'lmdb', dataDir, ...given }), followingClock(systemClock), quietLog),
    damage: (key) =>
      withDatabase('profiles', (database) => {
        const text = Buffer.from(profileId(key))
        const stored = Buffer.from(database.get(text) ?? [])
        stored.writeUInt8(stored.readUInt8(stored.length - 1) ^ 1, stored.length - 1)
        database.putSync(text, stored)
      }),
    quarantined: () => withDatabase('quarantine', (database) => database.getCount()),
    dispose: () => rm(dataDir, { recursive: true, force: true }),
  }
}

let oneServer: Promise<readonly RedisServer[]> | undefined
let oneCluster: Promise<readonly RedisServer[]> | undefined

/** One server, or one cluster, for all subjects of a test file. */
async function redisSubject(cluster: boolean): Promise<StoreSubject> {
  oneServer ??= cluster ? undefined : redisServer().then((server) => [server])
  oneCluster ??= cluster ? redisCluster().then(({ nodes }) => nodes) : undefined
  const servers = (await (cluster ? oneCluster : oneServer)) ?? []
  return redisSubjectOn(servers, { redisMode: cluster ? 'cluster' : 'single', redisKeyPrefix: 'test:' })
}

/** Finds the masters empty. */
export async function redisSubjectOn(
  masters: readonly RedisServer[],
  given: Partial<ProfilerConfig> = {},
): Promise<StoreSubject> {
  for (const master of masters) await master.command('FLUSHALL')
  const redisNodes = masters.map(({ node }) => node)
  const config = configOf({ store: 'redis', redisNodes, redisPollMs: 10, ...given })
  /** Each key lies on one of them; the others say so. */
  const onOwner = async (...command: string[]) => {
    for (const master of masters) {
      const reply = await master.command(...command).catch((error: Error) => error)
      if (!(reply instanceof Error && reply.message.startsWith('MOVED'))) return reply
    }
    throw new Error('no node has the key')
  }
  return {
    open: () => stores.redis(config, followingClock(systemClock), quietLog),
    async damage(key) {
      const text = profileId(key)
      await onOwner('HSET', `${config.redisKeyPrefix}${keysOf(text).profile(text)}`, 'b', 'damaged')
    },
    async quarantined() {
      const found = await Promise.all(masters.map((master) => master.command('KEYS', '*}quarantine:*')))
      return (found as string[][]).flat().length
    },
    dispose: async () => undefined,
  }
}

/** To be called after the last test of a file that used a subject of Redis. */
export async function stopRedisServers(): Promise<void> {
  const servers = await Promise.all([oneServer, oneCluster])
  await Promise.all(servers.flatMap((some) => some ?? []).map((server) => server.stop()))
}

/** Every backend, by what a test calls it. */
export const storeSubjects = {
  memory: memorySubject,
  'file as JSON': () => fileSubject({ fileFormat: 'json' }),
  'file as protobuf': () => fileSubject({ fileFormat: 'protobuf' }),
  lmdb: () => lmdbSubject(),
  redis: () => redisSubject(false),
  'a redis cluster': () => redisSubject(true),
} as const satisfies Record<string, () => Promise<StoreSubject>>
