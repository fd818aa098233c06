import type { Log } from '../../../shared/runtime/log.ts'
import { turn } from '../../../shared/runtime/turns.ts'
import { openPart, openVersion, sealPart } from '../checkpoint.ts'
import { addTo } from '../counts.ts'
import { DamagedRecord } from '../envelope.ts'
import type { Commit, SessionCheckpoint, SessionPart, StoredSession } from '../store.ts'
import type { RedisClient, RedisValue, ScriptCall } from './redis-client.ts'
import { keysOf, onShards } from './redis-layout.ts'
import { deleteSession, runScript, saveSession } from './redis-scripts.ts'

/** Sessions: a hash of parts each, their due times in a sorted set, what they count as in a hash of each shard. */
export interface RedisSessions {
  /** Resolves to those that another has written since. */
  saveAll(checkpoints: Commit['checkpoints']): Promise<readonly string[]>
  read(id: string): Promise<StoredSession | undefined>
  delete(id: string, held: Pick<SessionCheckpoint, 'version' | 'owner'>): Promise<void>
  due(nowUnixMs: number, limit: number): Promise<readonly string[]>
  count(): Promise<number>
  counts(): Promise<ReadonlyMap<string, number>>
}

export function redisSessions(client: RedisClient, log: Log): RedisSessions {
  async function saveAll(checkpoints: Commit['checkpoints']): Promise<readonly string[]> {
    const ids = [...checkpoints.keys()]
    const calls: ScriptCall[] = []
    for (const [id, checkpoint] of checkpoints) {
      if (turn.isOver()) await turn.rest()
      calls.push(await saveOf(id, checkpoint))
    }
    const replies = await client.write(calls)
    return ids.filter((_, index) => Number(replies[index]) !== 1)
  }

  async function saveOf(
    id: string,
    { version, owner, dueUnixMs, parts }: SessionCheckpoint,
  ): Promise<ScriptCall> {
    const keys = keysOf(id)
    const args: RedisValue[] = [version, owner, dueUnixMs, id]
    for (const [name, part] of parts) {
      if (turn.isOver()) await turn.rest()
      const counts = part && Object.keys(part.counts).length > 0 ? JSON.stringify(part.counts) : ''
      args.push(name, part ? sealPart(part) : '', counts)
    }
    return { script: saveSession, keys: [keys.session(id), keys.due, keys.counts], args }
  }

  /** A part that is damaged is lost by itself. */
  async function read(id: string): Promise<StoredSession | undefined> {
    const flat = (await client.run('HGETALL', keysOf(id).session(id))) as Buffer[]
    if (flat.length === 0) return undefined
    let stored: StoredSession = { version: 0, owner: '', dueUnixMs: 0, parts: new Map() }
    const parts = new Map<string, SessionPart>()
    for (let i = 0; i < flat.length; i += 2) {
      if (turn.isOver()) await turn.rest()
      const field = String(flat[i])
      const value = flat[i + 1] as Buffer
      try {
        if (field === 'p') stored = { ...stored, version: Number(value) }
        else if (field === 'o') stored = { ...stored, owner: String(value) }
        else if (field === 'd') stored = { ...stored, dueUnixMs: Number(value) }
        else if (field === 'b') return openVersion(value)
        else if (field.startsWith('x')) parts.set(field.slice(1), openPart(value))
      } catch (error) {
        if (!(error instanceof DamagedRecord)) throw error
        log.error({ err: error, session: id }, 'a damaged part of a session is left out')
      }
    }
    return { ...stored, parts }
  }

  return {
    saveAll,
    read,
    async delete(id, { version, owner }) {
      const keys = keysOf(id)
      await runScript(client, deleteSession, [keys.session(id), keys.due, keys.counts], [version, owner, id])
    },
    async due(nowUnixMs, limit) {
      const replies = await onShards(({ due }) =>
        client.run('ZRANGEBYSCORE', due, '-inf', nowUnixMs, 'WITHSCORES', 'LIMIT', 0, limit),
      )
      const due = replies.flatMap((reply) => {
        const flat = (reply as Buffer[]).map(String)
        return flat.flatMap((id, i) => (i % 2 === 0 ? [{ id, at: Number(flat[i + 1]) }] : []))
      })
      return due
        .sort((a, b) => a.at - b.at)
        .slice(0, limit)
        .map(({ id }) => id)
    },
    async count() {
      const counts = await onShards(({ due }) => client.run('ZCARD', due))
      return counts.reduce((sum: number, count) => sum + Number(count), 0)
    },
    async counts() {
      const counts = new Map<string, number>()
      for (const reply of await onShards(({ counts: place }) => client.run('HGETALL', place))) {
        const flat = (reply as Buffer[]).map(String)
        for (let i = 0; i < flat.length; i += 2) addTo(counts, flat[i] as string, Number(flat[i + 1]))
      }
      return counts
    },
  }
}
