import type { Clock } from '../../../shared/runtime/clock.ts'
import type { RedisClient } from './redis-client.ts'
import { onShards, shardKeys } from './redis-layout.ts'
import { claimNamespace, runScript } from './redis-scripts.ts'
import { compareText } from './text-order.ts'

/** A namespace that was let in and has no profile is forgotten after so long. */
const claimMs = 60_000

/** Namespaces of which others are forgotten at most so often. */
const forgetIntervalMs = 1000

/** The namespaces there are: those with profiles, and those that any profiler has let in. */
export interface RedisNamespaces {
  /** Counts those with profiles as let in. */
  begin(): Promise<void>
  list(): Promise<readonly string[]>
  /** Law: ProfileStore.claimNamespace. */
  claim(namespace: string, most: number): Promise<boolean>
}

export function redisNamespaces(client: RedisClient, clock: Clock): RedisNamespaces {
  const { claims } = shardKeys(0)
  let forgotMs = Number.NEGATIVE_INFINITY

  async function list(): Promise<readonly string[]> {
    const replies = await onShards(({ namespaces }) => client.run('HKEYS', namespaces))
    const names = replies.flatMap((reply) => (reply as Buffer[]).map(String))
    return [...new Set(names)].sort(compareText)
  }

  const tryToClaim = async (namespace: string, most: number) =>
    Number(await runScript(client, claimNamespace, [claims], [namespace, most, clock.nowUnixMs()])) === 1

  async function forgetUnused(): Promise<void> {
    const reply = await client.run('ZRANGEBYSCORE', claims, '-inf', clock.nowUnixMs() - claimMs)
    const used = new Set(await list())
    const unused = (reply as Buffer[]).map(String).filter((name) => !used.has(name))
    if (unused.length > 0) await client.run('ZREM', claims, ...unused)
  }

  return {
    async begin() {
      const now = clock.nowUnixMs()
      const names = await list()
      if (names.length > 0) await client.run('ZADD', claims, ...names.flatMap((name) => [now, name]))
    },
    list,
    async claim(namespace, most) {
      if (await tryToClaim(namespace, most)) return true
      if (clock.monotonicMs() - forgotMs < forgetIntervalMs) return false
      forgotMs = clock.monotonicMs()
      await forgetUnused()
      return tryToClaim(namespace, most)
    },
  }
}
