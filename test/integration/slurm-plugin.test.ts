import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { projectRoot } from '../support/manifests.ts'
import { type RedisServer, redisServer } from '../support/redis.ts'

/**
 * integrations/slurm/foresize.lua by a real Lua, the one in redis-server; only files and curl are stood in for. Real jobs of
 * a real Slurm are in test/schedulers.
 */

const plugin = readFileSync(join(projectRoot, 'integrations', 'slurm', 'foresize.lua'), 'utf8')
const script = `
local debug = { getinfo = function() return { source = "@./foresize.lua" } end }
local asked = 0
local io = {
  open = function() return nil end,
  popen = function()
    asked = asked + 1
    return { read = function() return ARGV[2] end, close = function() end }
  end,
}
local foresize = (function() ${plugin} end)()
local given = foresize.size("align", ARGV[1])
return cjson.encode({ asked = asked, given = given })
`

let server: RedisServer
beforeAll(async () => {
  server = await redisServer()
})
afterAll(() => server.stop())

const estimate = (token: string) =>
  JSON.stringify({
    estimate: {
      resources: { memoryBytes: 3 * 2 ** 20 },
      confidence: 0.9,
      source: 'ESTIMATE_SOURCE_PROFILE',
      executions: 10,
      estimateToken: token,
    },
  })

async function size(comment: string, token = 'T'): Promise<unknown> {
  return JSON.parse(String(await server.command('EVAL', script, '0', comment, estimate(token))))
}

/** A comment of so many bytes. */
const comment = (bytes: number) => `foresize x=${'1'.repeat(bytes - 'foresize x='.length)}`

test('a job is given what the estimate says, and its token', async () => {
  expect(await size('foresize x=1')).toEqual({
    asked: 1,
    given: { memory_mib: 3, comment: 'foresize x=1 token=T' },
  })
})

test('a comment is as long as Slurm takes it, with the token', async () => {
  const fits = comment(1024 - ' token=T'.length)
  expect(await size(fits)).toEqual({ asked: 1, given: { memory_mib: 3, comment: `${fits} token=T` } })
})

test.each([
  ['would make the comment longer than Slurm takes', comment(1024 - ' token=T'.length + 1), 'T'],
  ['does by itself', 'foresize x=1', 'T'.repeat(1100)],
])('a job is sized without a token that %s', async (_, given, token) => {
  expect(await size(given, token)).toEqual({ asked: 1, given: { memory_mib: 3, comment: given } })
})

test.each([1025, 2_000_000])(
  'of a comment of %i bytes, which Slurm refuses, nothing is read',
  async (bytes) => {
    expect(await size(comment(bytes))).toEqual({ asked: 0 })
  },
)

test.each(['', 'other x=1', 'foresized x=1', ' foresize x=1'])(
  'a job that says "%s" takes no part',
  async (given) => {
    expect(await size(given)).toEqual({ asked: 0 })
  },
)
