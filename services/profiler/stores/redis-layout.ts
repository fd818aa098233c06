import { crc32 } from 'node:zlib'
import { profileId } from '../../../shared/domain/profile.ts'
import type { ProfileQuery } from '../store.ts'
import { compareText } from './text-order.ts'

/** Parts into which all keys fall, each wholly on one node of a cluster. Fixed for the life of the data. */
export const shardCount = 16

export const shards: readonly number[] = Array.from({ length: shardCount }, (_, shard) => shard)

const shardOf = (text: string): number => crc32(text) % shardCount

/** Names of the keys of one shard. The braces make a cluster keep them together. */
export function shardKeys(shard: number) {
  const tag = `{foresize:${shard}}`
  return {
    /** Hash: `e` etag, `b` sealed profile; once there are deltas, `w` sealed profile, and `0` and so on what it has become. */
    profile: (key: string) => `${tag}profile:${key}`,
    /**
     * Hash: `p` version, `o` owner, `d` due; of each part `x` and its name: sealed, `c` and its name: what it counts as.
     * `b`: what an earlier program wrote, whole.
     */
    session: (id: string) => `${tag}session:${id}`,
    /** What could not be read. */
    quarantine: (key: string, unixMs: number) => `${tag}quarantine:${unixMs}:${key}`,
    /** Sorted set of keys of profiles, by name. */
    index: `${tag}index`,
    /** Sorted set of keys of profiles, by last seen. */
    seen: `${tag}seen`,
    /** Hash: namespace to number of its profiles. */
    namespaces: `${tag}namespaces`,
    /** Sorted set of the namespaces that were let in, by when; of the first shard alone. */
    claims: `${tag}claims`,
    /** Stream: `k` key of a profile that changed. */
    feed: `${tag}feed`,
    /** Written so that replicas have something to acknowledge. */
    replicated: `${tag}replicated`,
    /** Hash: what the sessions count as, added up by the name of the count. */
    counts: `${tag}counts`,
    /** Sorted set of session ids, by when they are due. */
    due: `${tag}due`,
  }
}

export const keysOf = (text: string) => shardKeys(shardOf(text))

/** The members of an index that a query asks for, in the form of ZRANGEBYLEX. */
export function rangeOf({
  namespace,
  kind,
  prefix,
  after,
}: ProfileQuery): readonly [from: Buffer, to: Buffer] {
  const begin = profileId({ namespace, kind, task: '' })
  const from = after !== '' && compareText(after, prefix) >= 0 ? `(${begin}${after}` : `[${begin}${prefix}`
  // No UTF-8 text holds the byte 0xff: it is above all that begin with the prefix.
  return [Buffer.from(from), Buffer.concat([Buffer.from(`(${begin}${prefix}`), Buffer.from([0xff])])]
}

/** One answer a shard. */
export const onShards = <T>(
  action: (keys: ReturnType<typeof shardKeys>) => Promise<T>,
): Promise<readonly T[]> => Promise.all(shards.map((shard) => action(shardKeys(shard))))
