import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, Command, Redis } from 'ioredis'
import { ForesizeError } from '../../../shared/domain/errors.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import { mostBytesAtOnce, portions } from './redis-portions.ts'
import { missingRight, type RedisCommand } from './redis-rights.ts'
import { runScript, type Script, script } from './redis-scripts.ts'

export const redisModes = ['single', 'sentinel', 'cluster'] as const

export interface RedisSettings {
  readonly redisMode: (typeof redisModes)[number]
  /** `host:port`: the server, the sentinels, or some nodes of the cluster. */
  readonly redisNodes: readonly string[]
  /** The name by which sentinels know the server. */
  readonly redisSentinelName: string
  readonly redisUsername?: string | undefined
  readonly redisPassword?: string | undefined
  readonly redisTls: boolean
  /** Before every key: several installations may share one Redis. */
  readonly redisKeyPrefix: string
  /** Longest wait for one command. */
  readonly redisTimeoutMs: number
  /** Replicas that must have a commit before it is acknowledged. */
  readonly redisWaitReplicas: number
}

export type RedisValue = string | number | Buffer

/** One run of a script; its keys are of one shard. */
export interface ScriptCall {
  readonly script: Script
  readonly keys: readonly string[]
  readonly args: readonly RedisValue[]
}

/** A Redis, wherever its keys lie. Replies are buffers. */
export interface RedisClient {
  run(command: RedisCommand, ...args: readonly RedisValue[]): Promise<unknown>
  /** On every server that takes writes. */
  runOnMasters(command: RedisCommand, ...args: readonly string[]): Promise<readonly unknown[]>
  /**
   * Runs scripts of which each writes, or says that it had nothing to, in messages of at most `mostBytesAtOnce`, each after the
   * replies to the one before. Resolves to their replies once so many replicas as are asked for have what they wrote: proven
   * on the connection that wrote it, since on another WAIT knows of no write.
   */
  write(calls: readonly ScriptCall[]): Promise<readonly unknown[]>
  readonly replicas: number
  close(): Promise<void>
}

/** Connects; rejects with ForesizeError `unavailable` where nobody answers. */
export async function connectRedis(settings: RedisSettings, log: Log): Promise<RedisClient> {
  const { redisTimeoutMs, redisWaitReplicas, redisKeyPrefix: keyPrefix } = settings
  const client = settings.redisMode === 'cluster' ? cluster(settings) : server(settings)
  let isClosed = false

  function keep(connection: Redis | Cluster): void {
    connection.on('error', (error: Error) => log.warn({ err: error }, 'redis'))
    // ioredis gives a connection up for good that hears of a fail-over while it is being made.
    connection.on('end', () => {
      if (isClosed) return
      setTimeout(() => {
        if (!isClosed && connection.status === 'end') connection.connect().catch(() => undefined)
      }, reconnectMs).unref()
    })
  }
  keep(client)

  const masters = () => (client instanceof Cluster ? client.nodes('master') : [client])
  const sendTogether = togetherOn(masters)

  /** A cluster of which no node is known keeps commands without an end. */
  function run(on: Redis | Cluster, command: RedisCommand, args: readonly RedisValue[]): Promise<unknown> {
    sendTogether()
    const sent = on.sendCommand(new Command(command, [...args], { replyEncoding: null, keyPrefix }))
    return on instanceof Cluster
      ? within(2 * redisTimeoutMs, sent as Promise<unknown>)
      : (sent as Promise<unknown>)
  }

  // Nothing is sent again over another connection: the proof would be of that one.
  const prover =
    client instanceof Cluster
      ? client
      : client.duplicate({
          autoResendUnfulfilledCommands: false,
          maxRetriesPerRequest: 0,
          reconnectOnError: isOfReplica,
          lazyConnect: true,
        })
  if (prover !== client) keep(prover)

  /** The calls and WAIT, one after the other on one connection. */
  async function proven(calls: readonly ScriptCall[], tries = 1): Promise<readonly unknown[]> {
    // The types of ioredis do not tell that a pipeline takes commands as a client does.
    const pipeline = prover.pipeline() as ReturnType<Redis['pipeline']> & Pick<Redis, 'sendCommand'>
    const send = (name: RedisCommand, args: readonly RedisValue[]) =>
      pipeline.sendCommand(new Command(name, [...args], { replyEncoding: null, keyPrefix }))
    for (const { script, keys, args } of calls) send('EVAL', [script.lua, keys.length, ...keys, ...args])
    send('WAIT', [redisWaitReplicas, Math.ceil(redisTimeoutMs / 2)])
    const replies = (await within(2 * redisTimeoutMs, pipeline.exec())) ?? []
    const failed = replies.find(([error]) => error)?.[0]
    if (failed && hasMoved(failed) && tries < maxMoves) {
      // A command that is routed by its key learns where the shard is now.
      await run(client, 'EXISTS', [calls[0]?.keys[0] ?? ''])
      return proven(calls, tries + 1)
    }
    if (failed) throw failed
    const reached = Number(replies.at(-1)?.[1])
    if (!(reached >= redisWaitReplicas)) {
      throw new ForesizeError(
        'unavailable',
        `${reached} of ${redisWaitReplicas} replicas have what was written`,
      )
    }
    return replies.slice(0, -1).map(([, reply]) => reply)
  }

  async function writeTogether(calls: readonly ScriptCall[]): Promise<readonly unknown[]> {
    if (redisWaitReplicas === 0) {
      return Promise.all(calls.map(({ script, keys, args }) => runScript(found, script, keys, args)))
    }
    const places = calls.map((call, index) => ({ call, index }))
    const shardOf = ({ call }: (typeof places)[number]) =>
      client instanceof Cluster ? /^{.*?}/.exec(call.keys[0] ?? '')?.[0] : ''
    const replies: unknown[] = []
    await Promise.all(
      [...Map.groupBy(places, shardOf).values()].map(async (group) => {
        const answers = await proven(group.map(({ call }) => call))
        for (const [i, { index }] of group.entries()) replies[index] = answers[i]
      }),
    )
    return replies
  }

  async function write(calls: readonly ScriptCall[]): Promise<readonly unknown[]> {
    const replies: unknown[] = []
    for (const part of portions(calls, mostAtOnce, bytesOf)) replies.push(...(await writeTogether(part)))
    return replies
  }

  const found: RedisClient = {
    run: (command, ...args) => run(client, command, args),
    write,
    replicas: redisWaitReplicas,
    runOnMasters: async (command, ...args) => {
      const found = masters()
      if (found.length === 0) throw new ForesizeError('unavailable', 'no node of the redis cluster answers')
      return Promise.all(found.map((master) => run(master, command, args)))
    },
    async close() {
      isClosed = true
      client.disconnect()
      prover.disconnect()
    },
  }
  try {
    await found.run('PING')
    return found
  } catch (error) {
    await found.close()
    throw new ForesizeError('unavailable', `redis at ${settings.redisNodes.join(', ')} does not answer`, {
      cause: error,
    })
  }
}

/**
 * Commands of one turn of the event loop go to each server in one message: sent one by one, each costs both sides a system
 * call. ioredis does this in pipelines alone, and in a cluster these must be of one node.
 */
function togetherOn(masters: () => readonly Redis[]): () => void {
  let isHeld = false
  return () => {
    if (isHeld) return
    isHeld = true
    // Not there while a connection is being made.
    const streams = masters().flatMap(({ stream }) => (stream as typeof stream | undefined) ?? [])
    for (const stream of streams) stream.cork()
    process.nextTick(() => {
      isHeld = false
      for (const stream of streams) stream.uncork()
    })
  }
}

const mostAtOnce = { items: Number.POSITIVE_INFINITY, bytes: mostBytesAtOnce }

const bytesOf = ({ args }: ScriptCall) =>
  args.reduce<number>((sum, arg) => sum + (typeof arg === 'number' ? 0 : arg.length), 0)

/** Until a connection that was given up is made anew. */
const reconnectMs = 100

/** ioredis forgets commands that it does not send again: whoever waits for them would wait for ever. */
async function within<T>(ms: number, action: Promise<T>): Promise<T> {
  const late = new AbortController()
  try {
    return await Promise.race([
      action,
      sleep(ms, undefined, { signal: late.signal }).then(() => {
        throw new Error('redis did not answer in time')
      }),
    ])
  } finally {
    late.abort()
  }
}

/** Tries to find a shard of a cluster that has moved. */
const maxMoves = 5

const hasMoved = ({ message }: Error) => /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN)\b/.test(message)

/** A server that became a replica takes no writes: look for the new master, and send nothing again by itself. */
const isOfReplica = ({ message }: Error) => message.startsWith('READONLY')

/** RESP2 is what every Redis and Valkey speaks. Nothing waits for ever: callers have deadlines of their own. */
function commonOptions(settings: RedisSettings) {
  const { redisUsername, redisPassword, redisTls, redisTimeoutMs } = settings
  return {
    protocol: 2 as const,
    commandTimeout: redisTimeoutMs,
    connectTimeout: redisTimeoutMs,
    maxRetriesPerRequest: 1,
    // A server that became a replica takes no writes: look for the new master.
    reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? (2 as const) : false),
    ...(redisUsername === undefined ? {} : { username: redisUsername }),
    ...(redisPassword === undefined ? {} : { password: redisPassword }),
    ...(redisTls ? { tls: {} } : {}),
  }
}

const retryDelayMs = (times: number) => Math.min(times * 50, 1000)

function server(settings: RedisSettings): Redis {
  const options = { ...commonOptions(settings), retryStrategy: retryDelayMs }
  const nodes = settings.redisNodes.map(toAddress)
  if (settings.redisMode === 'sentinel') {
    return new Redis({
      ...options,
      sentinels: nodes,
      name: settings.redisSentinelName,
      sentinelRetryStrategy: retryDelayMs,
      failoverDetector: true,
    })
  }
  return new Redis({ ...options, ...(nodes[0] as { host: string; port: number }) })
}

function cluster(settings: RedisSettings): Cluster {
  return new Cluster(settings.redisNodes.map(toAddress), {
    redisOptions: commonOptions(settings),
    clusterRetryStrategy: retryDelayMs,
    slotsRefreshTimeout: settings.redisTimeoutMs,
    scaleReads: 'master',
  })
}

function toAddress(node: string): { readonly host: string; readonly port: number } {
  const cut = node.lastIndexOf(':')
  return { host: node.slice(0, cut), port: Number(node.slice(cut + 1)) }
}

/**
 * Refuses servers that may drop profiles when their memory is full, that take no writes, or that do not let us do all that
 * our scripts do: a script that is stopped halfway has done half.
 */
export async function checkServers(client: RedisClient): Promise<void> {
  for (const reply of await client.runOnMasters('INFO', 'memory')) {
    const policy = fieldOf(reply, 'maxmemory_policy')
    if (policy !== 'noeviction') {
      throw new ForesizeError(
        'unavailable',
        `redis has maxmemory-policy ${policy}: it would drop profiles; set it to noeviction`,
      )
    }
  }
  for (const reply of await client.runOnMasters('INFO', 'replication')) {
    const role = fieldOf(reply, 'role')
    if (role !== 'master') throw new ForesizeError('unavailable', `redis is a ${role} and takes no writes`)
  }
  const { lua, keys } = missingRight(0, client.replicas > 0)
  const missing = String(await runScript(client, script(lua), keys, []))
  if (missing !== '') {
    throw new ForesizeError('unavailable', `redis does not let this user run ${missing}`)
  }
}

/** Unix milliseconds, whole, by the clock of a server. */
export async function timeOf(client: RedisClient): Promise<number> {
  const [reply] = await client.runOnMasters('TIME')
  const [seconds = 0, microseconds = 0] = (reply as readonly Buffer[]).map(Number)
  return 1000 * seconds + Math.floor(microseconds / 1000)
}

/** Whether all servers keep what they are told on disk: without it an acknowledgement promises no more than their memory. */
export async function persists(client: RedisClient): Promise<boolean> {
  const replies = await client.runOnMasters('INFO', 'persistence')
  return replies.every((reply) => fieldOf(reply, 'aof_enabled') === '1')
}

const fieldOf = (reply: unknown, name: string) =>
  new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(String(reply))?.[1]
