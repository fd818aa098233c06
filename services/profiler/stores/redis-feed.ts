import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../../shared/runtime/log.ts'
import type { RedisClient } from './redis-client.ts'
import { shardCount, shardKeys, shards } from './redis-layout.ts'
import { beginFeed, runScript } from './redis-scripts.ts'

/** Where a watcher is: the id of the latest entry it has seen of each shard's stream. */
export type FeedPosition = readonly string[]

export interface FeedChanges {
  readonly keys: ReadonlySet<string>
  readonly position: FeedPosition
  /** Whether these are all that there were when it was asked. */
  readonly isEnd: boolean
}

/** The change feed of all shards. While anybody waits, one look at all ends every `pollMs` tells who has to read. */
export interface RedisFeed {
  end(): Promise<FeedPosition>
  /** What changed since; undefined where that was trimmed or was never here. */
  since(position: FeedPosition): Promise<FeedChanges | undefined>
  /** Resolves once there may be something new, after `timeoutMs`, or when aborted. */
  changed(position: FeedPosition, timeoutMs: number, signal: AbortSignal): Promise<void>
  /** This process has just written. */
  poke(): void
  close(): void
}

/** Entries read at once from one shard. */
const readCount = 1000

export function redisFeed(client: RedisClient, pollMs: number, log: Log): RedisFeed {
  const waiting = new Set<{ readonly position: FeedPosition; readonly wake: () => void }>()
  const closed = new AbortController()
  let nudge: () => void = () => undefined
  let isPolling = false

  async function end(): Promise<FeedPosition> {
    return Promise.all(
      shards.map(async (shard) => {
        const { feed } = shardKeys(shard)
        const last = firstEntry(await client.run('XREVRANGE', feed, '+', '-', 'COUNT', 1))
        if (last) return last.id
        await runScript(client, beginFeed, [feed], [])
        return firstEntry(await client.run('XREVRANGE', feed, '+', '-', 'COUNT', 1))?.id ?? '0-0'
      }),
    )
  }

  async function poll(): Promise<void> {
    isPolling = true
    while (waiting.size > 0 && !closed.signal.aborted) {
      try {
        const now = await end()
        for (const { position, wake } of waiting) if (now.some((id, shard) => id !== position[shard])) wake()
      } catch (error) {
        log.debug({ err: error }, 'the feed was not read')
      }
      const nudged = new Promise<void>((resolve) => {
        nudge = resolve
      })
      await Promise.race([sleep(pollMs), nudged])
    }
    isPolling = false
  }

  return {
    end,
    async since(position) {
      if (position.length !== shardCount) return undefined
      const replies = await Promise.all(
        position.map((id, shard) => client.run('XRANGE', shardKeys(shard).feed, id, '+', 'COUNT', readCount)),
      )
      const keys = new Set<string>()
      const next: string[] = []
      let isEnd = true
      for (const [shard, id] of position.entries()) {
        const entries = toEntries(replies[shard])
        if (entries[0]?.id !== id) return undefined
        for (const { key } of entries.slice(1)) if (key !== '') keys.add(key)
        next.push(entries.at(-1)?.id ?? id)
        if (entries.length === readCount) isEnd = false
      }
      return { keys, position: next, isEnd }
    },
    changed: (position, timeoutMs, signal) =>
      new Promise((resolve) => {
        const wake = () => {
          clearTimeout(timer)
          waiting.delete(entry)
          for (const abort of [signal, closed.signal]) abort.removeEventListener('abort', wake)
          resolve()
        }
        const entry = { position, wake }
        const timer = setTimeout(wake, timeoutMs)
        waiting.add(entry)
        for (const abort of [signal, closed.signal]) abort.addEventListener('abort', wake)
        if (signal.aborted || closed.signal.aborted) wake()
        if (!isPolling) void poll()
      }),
    poke: () => nudge(),
    close: () => closed.abort(),
  }
}

/** A position as watchers keep it. */
export const cursorAt = (position: FeedPosition) => `redis:${position.join(',')}`

/** undefined for a cursor of another store. */
export function positionOf(cursor: string): FeedPosition | undefined {
  if (!cursor.startsWith('redis:')) return undefined
  const ids = cursor.slice('redis:'.length).split(',')
  return ids.every((id) => /^\d+-\d+$/.test(id)) ? ids : undefined
}

interface Entry {
  readonly id: string
  readonly key: string
}

function toEntries(reply: unknown): readonly Entry[] {
  return (reply as readonly (readonly [Buffer, readonly Buffer[]])[]).map(([id, fields]) => ({
    id: id.toString(),
    key: fields[1]?.toString() ?? '',
  }))
}

const firstEntry = (reply: unknown) => toEntries(reply)[0]
