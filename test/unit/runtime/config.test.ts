import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { describeConfig, readConfig } from '../../../shared/runtime/config.ts'
import { ConfigError } from '../../../shared/runtime/config-error.ts'

const schema = z.object({
  listen: z.string().default('127.0.0.1:7070').describe('Where to listen.'),
  drainDeadlineMs: z.number().int().min(0).max(600_000).default(10_000).describe('Time to finish calls.'),
  store: z.enum(['memory', 'lmdb']).default('lmdb').describe('Which store.'),
  reflection: z.boolean().default(true).describe('Whether to serve reflection.'),
  namespaces: z.array(z.string()).default([]).describe('Which namespaces.'),
  variants: z
    .array(z.strictObject({ name: z.string() }))
    .default([])
    .describe('Which variants.'),
  tokenFile: z.string().optional().describe('File of tokens.'),
})

const folder = mkdtempSync(join(tmpdir(), 'foresize-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(text: string): string {
  const path = join(mkdtempSync(join(folder, 'f-')), 'config.json')
  writeFileSync(path, text)
  return path
}

const read = (argv: readonly string[] = [], env: Readonly<Record<string, string>> = {}) =>
  readConfig(schema, { argv, env, envPrefix: 'FORESIZE_TEST' })

/** The message that the operator sees. */
function refusal(argv: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  try {
    read(argv, env)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return 'taken'
}

describe('precedence', () => {
  test('nothing said: the defaults', () => {
    expect(read()).toEqual({
      listen: '127.0.0.1:7070',
      drainDeadlineMs: 10_000,
      store: 'lmdb',
      reflection: true,
      namespaces: [],
      variants: [],
    })
  })

  test('a list of objects is one JSON array, in a flag as in the environment', () => {
    const variants = [{ name: 'a,b' }, { name: 'c' }]
    expect(read([`--variants=${JSON.stringify(variants)}`]).variants).toEqual(variants)
    expect(read([], { FORESIZE_TEST_VARIANTS: '' }).variants).toEqual([])
    expect(refusal(['--variants=a,b'])).toMatch(/^--variants: /)
    expect(refusal(['--variants=[{"nome":"a"}]'])).toMatch(/^--variants: /)
  })

  test('flags over environment over file over defaults, each setting on its own', () => {
    const config = file('{"listen":"file:1","drainDeadlineMs":1,"store":"memory"}')
    const env = { FORESIZE_TEST_LISTEN: 'env:1', FORESIZE_TEST_DRAIN_DEADLINE_MS: '2' }
    expect(read(['--config', config, '--listen', 'flag:1'], env)).toMatchObject({
      listen: 'flag:1',
      drainDeadlineMs: 2,
      store: 'memory',
      reflection: true,
    })
  })
})

describe('types', () => {
  test('text is read as the type that the setting has', () => {
    expect(
      read(['--drain-deadline-ms=500', '--reflection=false', '--namespaces=a,b'], {
        FORESIZE_TEST_TOKEN_FILE: '/run/token',
      }),
    ).toMatchObject({
      drainDeadlineMs: 500,
      reflection: false,
      namespaces: ['a', 'b'],
      tokenFile: '/run/token',
    })
  })

  test.each([
    ['a word for a number', ['--drain-deadline-ms=soon'], '--drain-deadline-ms'],
    ['nothing for a number', ['--drain-deadline-ms='], '--drain-deadline-ms'],
    ['a fraction for a whole number', ['--drain-deadline-ms=1.5'], '--drain-deadline-ms'],
    ['a number out of range', ['--drain-deadline-ms=600001'], '--drain-deadline-ms'],
    ['a word that is none of those', ['--store=floppy'], '--store'],
    ['neither true nor false', ['--reflection=yes'], '--reflection'],
  ])('%s is refused, naming the setting', (_, argv, name) => {
    expect(refusal(argv)).toContain(name)
  })

  test('all that is wrong is named at once', () => {
    expect(refusal(['--store=floppy', '--drain-deadline-ms=-1']).split('\n')).toHaveLength(2)
  })
})

describe('what is not known is refused', () => {
  test.each([
    ['a flag', () => refusal(['--lissen=x']), '--lissen'],
    ['a word', () => refusal(['serve']), 'serve'],
    ['a variable with the prefix', () => refusal([], { FORESIZE_TEST_LISSEN: 'x' }), 'FORESIZE_TEST_LISSEN'],
    ['a key in the file', () => refusal(['--config', file('{"lissen":"x"}')]), 'lissen'],
    ['a file that is not there', () => refusal(['--config', join(folder, 'none.json')]), 'none.json'],
    ['a file that is not JSON', () => refusal(['--config', file('listen: x')]), 'config.json'],
    ['a file that holds a list', () => refusal(['--config', file('[]')]), 'one JSON object'],
  ])('%s', (_, message, expected) => {
    expect(message()).toContain(expected)
  })

  test('but a variable of someone else is none of its business', () => {
    expect(refusal([], { PATH: '/bin', FORESIZE_OTHER_LISTEN: 'x' })).toBe('taken')
  })
})

test('every setting is described: flag, variable, default, meaning', () => {
  expect(describeConfig(schema, 'FORESIZE_TEST')).toContainEqual({
    flag: '--drain-deadline-ms',
    env: 'FORESIZE_TEST_DRAIN_DEADLINE_MS',
    default: '10000',
    description: 'Time to finish calls.',
  })
  expect(describeConfig(schema, 'FORESIZE_TEST').map((line) => [line.flag, line.default])).toContainEqual([
    '--token-file',
    'unset',
  ])
})
