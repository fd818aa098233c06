import { shardKeys } from './redis-layout.ts'

/** Arguments with which the server can tell whether it would let a command through. KEY is the key that it is run on. */
const sampleArguments = {
  DEL: 'KEY',
  EXISTS: 'KEY',
  HDEL: "KEY, 'n'",
  HGET: "KEY, 'e'",
  HGETALL: 'KEY',
  HINCRBY: "KEY, 'n', 1",
  HKEYS: 'KEY',
  HSET: "KEY, 'e', '1'",
  PERSIST: 'KEY',
  RENAME: 'KEY, KEY',
  SET: "KEY, '1'",
  WAIT: '0, 0',
  XADD: "KEY, '*', 'k', ''",
  XRANGE: "KEY, '-', '+'",
  XREVRANGE: "KEY, '+', '-'",
  ZADD: "KEY, 1, 'm'",
  ZCARD: 'KEY',
  ZLEXCOUNT: "KEY, '-', '+'",
  ZRANGEBYLEX: "KEY, '-', '+'",
  ZRANGEBYSCORE: "KEY, '-inf', '+inf'",
  ZREM: "KEY, 'm'",
  ZSCORE: "KEY, 'm'",
} as const

/** What is run on which key of a shard, by a script or by itself. */
const onKeys = {
  profile: ['HGET', 'HGETALL', 'HKEYS', 'HSET', 'HDEL', 'DEL', 'RENAME', 'PERSIST'],
  session: ['HGET', 'HGETALL', 'HSET', 'HDEL', 'DEL', 'EXISTS'],
  quarantine: ['RENAME', 'PERSIST'],
  index: ['ZADD', 'ZREM', 'ZCARD', 'ZLEXCOUNT', 'ZRANGEBYLEX', 'EXISTS'],
  seen: ['ZADD', 'ZREM', 'ZSCORE', 'ZRANGEBYSCORE'],
  namespaces: ['HINCRBY', 'HDEL', 'HKEYS'],
  claims: ['ZADD', 'ZREM', 'ZSCORE', 'ZCARD', 'ZRANGEBYSCORE'],
  feed: ['XADD', 'XRANGE', 'XREVRANGE', 'EXISTS'],
  due: ['ZADD', 'ZREM', 'ZCARD', 'ZRANGEBYSCORE'],
  counts: ['HINCRBY', 'HGETALL'],
} as const

/** And where replicas have to confirm. */
const onKeysWithReplicas = { ...onKeys, replicated: ['SET', 'WAIT'] } as const

/** Of the server: who may not run these cannot open the store. */
const onServer = ['EVAL', 'EVALSHA', 'INFO', 'PING', 'TIME'] as const

/** What the client asks of a cluster. */
const onCluster = ['CLUSTER|INFO', 'CLUSTER|SLOTS'] as const

type KeyCommand = keyof typeof sampleArguments

/** Every command that is run by itself or by a script. */
export type RedisCommand = KeyCommand | (typeof onServer)[number]

/** What a user of Redis has to be allowed, as ACL SETUSER takes it; docs/operations.md has it. */
export const redisRights: string = [
  ...new Set([...Object.values(onKeysWithReplicas).flat(), ...onServer, ...onCluster]),
]
  .sort()
  .map((command) => `+${command.toLowerCase()}`)
  .join(' ')

/** A command, and the number of the key that it is run on. */
export type KeyRight = readonly [command: KeyCommand, key: number]

/** Lua: whether this user may run it. */
export const isAllowed = ([command, key]: KeyRight): string =>
  `redis.acl_check_cmd('${command}', ${sampleArguments[command].replaceAll('KEY', `KEYS[${key}]`)})`

/** Lua that names the first command which this user may not run; empty where all are allowed, or the server (before 7) cannot tell. */
export function missingRight(
  shard: number,
  hasReplicas: boolean,
): { readonly lua: string; readonly keys: readonly string[] } {
  const names = shardKeys(shard)
  const keyOf = {
    ...names,
    profile: names.profile('rights'),
    session: names.session('rights'),
    quarantine: names.quarantine('rights', 0),
  }
  const places = Object.entries(hasReplicas ? onKeysWithReplicas : onKeys)
  const checks = places.flatMap(([, commands], index) =>
    commands.map((command) => `if not ${isAllowed([command, index + 1])} then return '${command}' end`),
  )
  return {
    lua: `if not redis.acl_check_cmd then return '' end\n${checks.join('\n')}\nreturn ''`,
    keys: places.map(([place]) => keyOf[place as keyof typeof keyOf]),
  }
}
