import { createHash } from 'node:crypto'
import type { RedisClient, RedisValue } from './redis-client.ts'
import { isAllowed, type KeyRight } from './redis-rights.ts'

export interface Script {
  readonly lua: string
  readonly sha: string
}

/** A script that is stopped halfway has done half: it begins by asking for all the rights it needs, where the server can tell. */
const askedFirst = (writes: readonly KeyRight[]) =>
  writes.length === 0
    ? ''
    : `if redis.acl_check_cmd and not (${writes.map(isAllowed).join(' and ')}) then
  return redis.error_reply('NOPERM this user may not run all that the script does')
end
`

export const script = (lua: string, writes: readonly KeyRight[] = []): Script => {
  const text = askedFirst(writes) + lua
  return { lua: text, sha: createHash('sha1').update(text).digest('hex') }
}

/** What `forget` runs, on the keys that every script has at these places. */
const forgetWrites: readonly KeyRight[] = [
  ['ZREM', 2],
  ['HINCRBY', 4],
  ['HDEL', 4],
  ['ZREM', 3],
  ['XADD', 5],
]

/** The index, the count and the feed follow the profile in the same step. */
const forget = `
local function forget(member, namespace, indexKey, seenKey, namespacesKey, feedKey, maxFeed)
  if redis.call('ZREM', indexKey, member) == 1 then
    if redis.call('HINCRBY', namespacesKey, namespace, -1) <= 0 then
      redis.call('HDEL', namespacesKey, namespace)
    end
  end
  redis.call('ZREM', seenKey, member)
  redis.call('XADD', feedKey, 'MAXLEN', '~', maxFeed, '*', 'k', member)
end
`

/** Of all that came too late only the first is told: many large profiles would not come within the time of one command. */
const asItIs = `
local isTold = false
local function asItIs(key)
  if isTold then return 0 end
  isTold = true
  return redis.call('HGETALL', key)
end
`

/**
 * Compare-and-set of profiles of one shard, each by itself. KEYS index, seen, namespaces, feed, profiles. ARGV feed length,
 * then of each profile: expected etag (empty for none), new etag, field (`b`: whole; a number: a delta; empty to delete),
 * its value, member, namespace, last seen. Once it has deltas, what is whole lies in `w`, where an earlier program does not
 * find it. No key is deleted that is written again: where its slot is on the move, the second step would be refused.
 * Returns of each 1; where it is another by now all its fields as they are, or 0 for who has to read it.
 */
export const changeProfiles = script(
  `${forget}${asItIs}
local function change(key, at)
  if (redis.call('HGET', key, 'e') or '') ~= ARGV[at] then return asItIs(key) end
  local field, member, namespace = ARGV[at + 2], ARGV[at + 4], ARGV[at + 5]
  if field == '' then
    redis.call('DEL', key)
    forget(member, namespace, KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[1])
    return 1
  end
  local replaced = {}
  if field == 'b' then
    for _, name in ipairs(redis.call('HKEYS', key)) do
      if name ~= 'e' and name ~= 'b' then replaced[#replaced + 1] = name end
    end
  end
  if field == '0' then
    redis.call('HSET', key, 'w', redis.call('HGET', key, 'b') or '')
    redis.call('HDEL', key, 'b')
  end
  redis.call('HSET', key, 'e', ARGV[at + 1], field, ARGV[at + 3])
  if #replaced > 0 then redis.call('HDEL', key, unpack(replaced)) end
  redis.call('PERSIST', key)
  redis.call('ZADD', KEYS[2], ARGV[at + 6], member)
  if redis.call('ZADD', KEYS[1], 0, member) == 1 then
    redis.call('HINCRBY', KEYS[3], namespace, 1)
  end
  redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[1], '*', 'k', member)
  return 1
end
local replies = {}
for i = 5, #KEYS do replies[i - 4] = change(KEYS[i], 2 + (i - 5) * 7) end
return replies
`,
  [
    ['HGETALL', 5],
    ['HKEYS', 5],
    ['HSET', 5],
    ['HDEL', 5],
    ['PERSIST', 5],
    ['DEL', 5],
    ['ZADD', 1],
    ['ZADD', 2],
    ['ZREM', 1],
    ['HINCRBY', 3],
    ['HDEL', 3],
    ['ZREM', 2],
    ['XADD', 4],
  ],
)

/**
 * Adds a delta to profiles of one shard that have deltas already, each by itself: what nearly every commit does, with the fewest
 * commands. KEYS seen, feed, profiles. ARGV feed length, then of each profile: expected etag, new etag, field, its value,
 * member, last seen. Returns as changeProfiles.
 */
export const addDeltas = script(
  `${asItIs}
local replies, seen = {}, {}
for i = 3, #KEYS do
  local key, at = KEYS[i], 2 + (i - 3) * 6
  if redis.call('HGET', key, 'e') == ARGV[at] then
    redis.call('HSET', key, 'e', ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[1], '*', 'k', ARGV[at + 4])
    seen[#seen + 1] = ARGV[at + 5]
    seen[#seen + 1] = ARGV[at + 4]
    replies[i - 2] = 1
  else
    replies[i - 2] = asItIs(key)
  end
end
if #seen > 0 then redis.call('ZADD', KEYS[1], unpack(seen)) end
return replies
`,
  [
    ['HGETALL', 3],
    ['HSET', 3],
    ['XADD', 2],
    ['ZADD', 1],
  ],
)

/**
 * Says that profiles of one shard still are what was read, by a write where that is to reach replicas. KEYS marker, profiles.
 * ARGV marker (empty for none), then the etag of each. Returns as changeProfiles.
 */
export const confirmProfiles = script(
  `${asItIs}
local replies = {}
for i = 2, #KEYS do
  local isSame = (redis.call('HGET', KEYS[i], 'e') or '') == ARGV[i]
  replies[i - 1] = isSame and 1 or asItIs(KEYS[i])
end
if ARGV[1] ~= '' then redis.call('SET', KEYS[1], ARGV[1]) end
return replies
`,
)

/** Puts a profile aside if it still is what was read. KEYS as above and the new place. ARGV etag, member, namespace, feed length. */
export const putAside = script(
  `${forget}
if redis.call('HGET', KEYS[1], 'e') ~= ARGV[1] then return 0 end
redis.call('RENAME', KEYS[1], KEYS[6])
redis.call('PERSIST', KEYS[6])
forget(ARGV[2], ARGV[3], KEYS[2], KEYS[3], KEYS[4], KEYS[5], ARGV[4])
return 1
`,
  [['RENAME', 1], ['RENAME', 6], ['PERSIST', 6], ...forgetWrites],
)

/** Deletes a profile if it was last seen before. KEYS as for compareAndSet. ARGV member, namespace, before, feed length. */
export const forgetOld = script(
  `${forget}
local seen = redis.call('ZSCORE', KEYS[3], ARGV[1])
if not seen or tonumber(seen) >= tonumber(ARGV[3]) then return 0 end
redis.call('DEL', KEYS[1])
forget(ARGV[1], ARGV[2], KEYS[2], KEYS[3], KEYS[4], KEYS[5], ARGV[4])
return 1
`,
  [['DEL', 1], ...forgetWrites],
)

/** What the parts of a session count as follows them in the same step. */
const recount = `
local function add(countsKey, counts, sign)
  if not counts or counts == '' then return end
  for name, count in pairs(cjson.decode(counts)) do redis.call('HINCRBY', countsKey, name, sign * count) end
end
`

/**
 * Law: SessionCheckpoint. KEYS session, due, counts. ARGV version, owner, due, id, then of each part its name, sealed
 * (empty to remove), and what it counts as (empty for nothing). Returns 0 where another has written the session since.
 */
export const saveSession = script(
  `${recount}
local version = tonumber(redis.call('HGET', KEYS[1], 'p') or 0)
local given = tonumber(ARGV[1])
local isRepeat = version == given and redis.call('HGET', KEYS[1], 'o') == ARGV[2]
if given ~= version + 1 and not isRepeat then return 0 end
for i = 5, #ARGV, 3 do
  local value, counts = 'x' .. ARGV[i], 'c' .. ARGV[i]
  local before = redis.call('HGET', KEYS[1], counts) or ''
  if before ~= ARGV[i + 2] then
    add(KEYS[3], before, -1)
    add(KEYS[3], ARGV[i + 2], 1)
    if ARGV[i + 2] == '' then redis.call('HDEL', KEYS[1], counts)
    else redis.call('HSET', KEYS[1], counts, ARGV[i + 2]) end
  end
  if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[1], value)
  else redis.call('HSET', KEYS[1], value, ARGV[i + 1]) end
end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4])
redis.call('HDEL', KEYS[1], 'b')
redis.call('HSET', KEYS[1], 'p', ARGV[1], 'o', ARGV[2], 'd', ARGV[3])
return 1
`,
  [
    ['HINCRBY', 3],
    ['ZADD', 2],
    ['HDEL', 1],
    ['HSET', 1],
  ],
)

/** KEYS session, due, counts. ARGV version, owner, id. */
export const deleteSession = script(
  `${recount}
if redis.call('HGET', KEYS[1], 'p') ~= ARGV[1] or redis.call('HGET', KEYS[1], 'o') ~= ARGV[2] then return 0 end
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 1) == 'c' then add(KEYS[3], fields[i + 1], -1) end
end
redis.call('ZREM', KEYS[2], ARGV[3])
redis.call('DEL', KEYS[1])
return 1
`,
  [
    ['HINCRBY', 3],
    ['ZREM', 2],
    ['DEL', 1],
  ],
)

/** Law: ProfileStore.claimNamespace. KEYS claims. ARGV namespace, most, now. */
export const claimNamespace = script(
  `
local isKnown = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not isKnown and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
return 1
`,
  [['ZADD', 1]],
)

/** A feed is never empty, so that its end always has a place. KEYS feed. */
export const beginFeed = script(
  `
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('XADD', KEYS[1], '*', 'k', '') end
return 1
`,
)

/** Runs by hash, and sends the text to a server that does not know it yet. */
export async function runScript(
  client: RedisClient,
  { lua, sha }: Script,
  keys: readonly string[],
  args: readonly RedisValue[],
): Promise<unknown> {
  try {
    return await client.run('EVALSHA', sha, keys.length, ...keys, ...args)
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
    return client.run('EVAL', lua, keys.length, ...keys, ...args)
  }
}
