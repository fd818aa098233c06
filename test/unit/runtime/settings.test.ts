import { expect, test } from 'vitest'
import { z } from 'zod'
import { settingsOrExit } from '../../../shared/runtime/settings.ts'

const schema = z.object({
  listen: z.string().default('127.0.0.1:1').describe('where'),
  sizeBytes: z.int().default(5).describe('how much'),
  redisPassword: z.string().optional().describe('a secret'),
})

class Exit extends Error {}

function start(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const seen = { out: '', err: '', code: -1, settings: undefined as z.output<typeof schema> | undefined }
  const host = {
    argv: ['node', 'main.ts', ...argv],
    env,
    stdout: {
      write: (text: string) => {
        seen.out += text
      },
    },
    stderr: {
      write: (text: string) => {
        seen.err += text
      },
    },
    exit(code: number): never {
      seen.code = code
      throw new Exit()
    },
  }
  try {
    seen.settings = settingsOrExit({ name: 'thing', schema, envPrefix: 'THING' }, host)
  } catch (error) {
    if (!(error instanceof Exit)) throw error
  }
  return seen
}

test('--print-config prints what is in force, as a file for --config, without secrets', () => {
  const env = { THING_REDIS_PASSWORD: 'hidden', THING_SIZE_BYTES: '7' }
  const { out, code } = start(['--print-config', '--listen', 'a:2'], env)
  expect(JSON.parse(out)).toEqual({ listen: 'a:2', sizeBytes: 7 })
  expect(code).toBe(0)
})

test('--help lists every setting; a setting that is wrong is named, with exit code 2', () => {
  expect(start(['--help'])).toMatchObject({ out: expect.stringContaining('THING_SIZE_BYTES'), code: 0 })
  expect(start(['--nothing', 'x'])).toMatchObject({ err: expect.stringContaining('--nothing'), code: 2 })
  expect(start(['--size-bytes', 'x', '--print-config'])).toMatchObject({
    err: expect.stringContaining('--size-bytes'),
    code: 2,
  })
})

test('a secret is taken from the environment and never from a flag, where everyone on the host could read it', () => {
  expect(start([], { THING_REDIS_PASSWORD: 'hidden' }).settings?.redisPassword).toBe('hidden')
  const refused = start(['--redis-password', 'hidden'])
  expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('THING_REDIS_PASSWORD') })
  expect(refused.err).not.toContain('hidden')
})
