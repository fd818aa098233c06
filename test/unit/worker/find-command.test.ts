import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { requireNode } from '../../../shared/runtime/node-version.ts'
import { refusalOf } from '../../../workers/typescript/find-command.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

test('a command is found as execvp finds it', async () => {
  const folder = await temporaryDirectory()
  mkdirSync(join(folder, 'bin'))
  writeFileSync(join(folder, 'bin', 'there'), '')
  chmodSync(join(folder, 'bin', 'there'), 0o755)
  writeFileSync(join(folder, 'bin', 'plain'), '')
  const env = { PATH: `/no/such/folder:${join(folder, 'bin')}` }
  expect(refusalOf({ command: 'there', env })).toBeUndefined()
  expect(refusalOf({ command: './bin/there', cwd: folder, env })).toBeUndefined()
  expect(refusalOf({ command: 'plain', env })).toBe('EACCES')
  expect(refusalOf({ command: 'gone', env })).toBe('ENOENT')
  expect(refusalOf({ command: './there', cwd: folder, env })).toBe('ENOENT')
})

test('an older Node is refused in one line', () => {
  expect(() => requireNode('20.20.2')).toThrow('foresize needs Node 22.12 or newer, this is 20.20.2')
  expect(() => requireNode('22.11.9')).toThrow('22.11.9')
  for (const version of ['22.12.0', '24.0.0']) expect(() => requireNode(version)).not.toThrow()
})
