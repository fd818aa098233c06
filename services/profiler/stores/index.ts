import type { Log } from '../../../shared/runtime/log.ts'
import type { ProfilerConfig } from '../config.ts'
import type { ProfileStore } from '../store.ts'
import { fileMedium } from './file.ts'
import { lmdbMedium } from './lmdb.ts'
import { localStore } from './local-store.ts'
import { memoryMedium } from './memory.ts'
import { redisStore } from './redis.ts'
import { connectRedis } from './redis-client.ts'
import { guardedStore } from './store-breaker.ts'

type OpenStore = (config: ProfilerConfig, log: Log) => Promise<ProfileStore>

/** The stores there are. Law of each: test/contract/profile-store.ts. */
export const stores: Readonly<Record<ProfilerConfig['store'], OpenStore>> = {
  memory: (config, log) => localStore(memoryMedium(config.codec), config, log),
  file: async (config, log) => {
    const { dataDir: directory, fileFormat: format, codec } = config
    return localStore(await fileMedium({ directory, format, codec }, log), config, log)
  },
  lmdb: async (config, log) =>
    localStore(await lmdbMedium({ directory: config.dataDir, codec: config.codec }, log), config, log),
  redis: async (config, log) =>
    guardedStore(await redisStore(await connectRedis(config, log), config, log), config, log),
}
