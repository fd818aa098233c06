import type { FollowingClock } from '../../../shared/runtime/clock.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import type { ProfilerConfig } from '../config.ts'
import type { ProfileStore } from '../store.ts'
import { awaitedStore } from './awaited-store.ts'
import { fileMedium } from './file.ts'
import { lmdbMedium } from './lmdb.ts'
import { localStore } from './local-store.ts'
import { memoryMedium } from './memory.ts'
import { redisStore } from './redis.ts'
import { connectRedis, timeOf } from './redis-client.ts'
import { guardedStore } from './store-breaker.ts'

type OpenStore = (config: ProfilerConfig, clock: FollowingClock, log: Log) => Promise<ProfileStore>

/** The stores there are. Law of each: test/contract/profile-store.ts. */
export const stores: Readonly<Record<ProfilerConfig['store'], OpenStore>> = {
  memory: (config, _clock, log) => localStore(memoryMedium(config), config, log),
  file: async (config, clock, log) => {
    const { dataDir: directory, fileFormat: format, codec } = config
    return localStore(await fileMedium({ directory, format, codec }, clock, log), config, log)
  },
  lmdb: async (config, clock, log) =>
    localStore(await lmdbMedium({ ...config, directory: config.dataDir }, clock, log), config, log),
  redis: (config, clock, log) =>
    awaitedStore(
      'remote',
      () => connectRedis(config, log),
      async (client) => {
        const store = await redisStore(client, config, clock, log)
        // Leases are stored by Unix time: profilers that share them share a clock.
        clock.follow(await timeOf(client))
        return guardedStore(store, config, log)
      },
      log,
    ),
}
