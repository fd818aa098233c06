import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { parseCommand, UsageError } from '../../../cli/command.ts'
import { token } from '../../../cli/token.ts'
import { tokensOf } from '../../../shared/rpc/tokens.ts'
import { createLog } from '../../../shared/runtime/log.ts'

const folder = mkdtempSync(join(tmpdir(), 'foresize-token-'))
const file = join(folder, 'tokens.json')
const log = createLog('test', 'silent')
afterAll(() => rmSync(folder, { recursive: true }))

async function make(
  ...args: readonly string[]
): Promise<{ readonly entry: object; readonly secret: string }> {
  let [out, err] = ['', '']
  await token.run({
    ...parseCommand(token, args),
    env: {},
    startedMs: performance.now(),
    width: undefined,
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
  })
  return { entry: JSON.parse(out), secret: err.trim() }
}

test('a token that the command made is let in by the tokens file with its entry, until it expires', async () => {
  const made = await make(
    '--name',
    'ci',
    '--role',
    'worker',
    '--for',
    'a',
    '--for',
    'b',
    '--until',
    '2100-01-01',
  )
  expect(JSON.stringify(made.entry)).not.toContain(made.secret)
  writeFileSync(file, JSON.stringify({ tokens: [made.entry] }))
  const tokens = tokensOf(file, log)
  expect(tokens.verify(made.secret, Date.parse('2099-12-31'))).toMatchObject({
    kind: 'granted',
    grant: { principal: { name: 'ci', roles: new Set(['worker']), namespaces: new Set(['a', 'b']) } },
  })
  expect(tokens.verify(made.secret, Date.parse('2100-01-01'))).toEqual({ kind: 'expired', name: 'ci' })
  expect(tokens.verify(`${made.secret}x`, 0)).toEqual({ kind: 'unknown' })
  tokens.close()
})

test.each([
  ['no role', ['--name', 'x', '--for', 'a']],
  ['an unknown role', ['--name', 'x', '--role', 'root', '--for', 'a']],
  ['no namespace', ['--name', 'x', '--role', 'worker']],
  ['no name', ['--role', 'worker', '--for', 'a']],
  ['a bad date', ['--name', 'x', '--role', 'worker', '--for', 'a', '--until', 'soon']],
])('with %s nothing is made', async (_, args) => {
  await expect(make(...args)).rejects.toThrow(UsageError)
})

test.each([
  ['not JSON', '{'],
  ['a token in clear', '{"tokens":[{"name":"x","token":"secret","roles":["worker"],"namespaces":["a"]}]}'],
  ['a hash that is none', '{"tokens":[{"name":"x","sha256":"abc","roles":["worker"],"namespaces":["a"]}]}'],
  ['an unknown field', '{"tokens":[],"more":1}'],
  [
    'no namespace',
    `{"tokens":[{"name":"x","sha256":"${'0'.repeat(64)}","roles":["worker"],"namespaces":[]}]}`,
  ],
])('a tokens file with %s stops the start, and its content is not repeated', (_, content) => {
  writeFileSync(file, content)
  expect(() => tokensOf(file, log)).toThrow(/tokens\.json: /)
  expect(() => tokensOf(file, log)).not.toThrow(/secret/)
})
