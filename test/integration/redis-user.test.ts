import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, type RunnerTask, test } from 'vitest'
import { redisRights } from '../../services/profiler/stores/redis-rights.ts'
import { profileStoreContract } from '../contract/profile-store.ts'
import { type RedisServer, redisCluster, redisServer, untilReplicates } from '../support/redis.ts'
import { redisSubjectOn } from '../support/stores.ts'

/** A user of Redis that may do what docs/operations.md says, and nothing else, is enough for all that the store does. */

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'operations.md'), 'utf8')
const [, line = ''] = /^(ACL SETUSER .*)$/m.exec(page) ?? []
const words = line.split(' ')
const user = { redisUsername: words[2], redisPassword: 'PASSWORD' }

/** Commands that were run since the server was started, those of scripts included. */
async function commandsRun(server: RedisServer): Promise<readonly string[]> {
  const info = String(await server.command('INFO', 'commandstats'))
  return [...info.matchAll(/^cmdstat_(\S+?):/gm)].map(([, name = '']) => name)
}

/** What the user tried and may not. */
async function refused(server: RedisServer): Promise<readonly string[]> {
  const entries = (await server.command('ACL', 'LOG')) as string[][]
  return (
    entries
      .map((entry) => `${entry[entry.indexOf('reason') + 1]} ${entry[entry.indexOf('object') + 1]}`)
      // The client tells its name where it may.
      .filter((refusal) => !refusal.startsWith('command client|'))
  )
}

test('the line of the page is what the store asks for', () => {
  expect(line).toBe(`ACL SETUSER foresize on >PASSWORD ~{foresize:* ${redisRights}`)
})

const servers: RedisServer[] = []
afterAll(() => Promise.all(servers.map((server) => server.stop())))

/** One that has to tell a replica. */
async function single(): Promise<readonly RedisServer[]> {
  const master = await redisServer()
  servers.push(master)
  const replica = await redisServer(['--replicaof', `127.0.0.1 ${master.port}`])
  servers.push(replica)
  await untilReplicates(replica)
  return [master]
}

async function cluster(): Promise<readonly RedisServer[]> {
  const { nodes } = await redisCluster()
  servers.push(...nodes)
  return nodes
}

const run = new Set<string>()
describe.each([
  { redisMode: 'single', redisWaitReplicas: 1, start: single },
  { redisMode: 'cluster', redisWaitReplicas: 0, start: cluster },
] as const)('$redisMode', ({ start, ...given }) => {
  let masters: readonly RedisServer[]
  beforeAll(async () => {
    masters = await start()
    for (const master of masters) await master.command(...words)
  })
  profileStoreContract('redis by a user of its own', () => redisSubjectOn(masters, { ...given, ...user }))

  test('nothing was tried that the user may not', async () => {
    for (const master of masters) {
      expect(await refused(master)).toEqual([])
      for (const command of await commandsRun(master)) run.add(command)
    }
  })
})

/** What a run by name leaves out. */
const isLeftOut = (task: RunnerTask): boolean =>
  task.type === 'suite' ? task.tasks.some(isLeftOut) : task.mode === 'skip'

test('no right is given that nothing uses', ({ task, skip }) => {
  skip(task.file.tasks.some(isLeftOut), 'it is known only once every test before has run')
  const given = words.filter((word) => word.startsWith('+')).map((word) => word.slice(1))
  expect(given.filter((command) => !run.has(command))).toEqual([])
})
