import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { version } from '../../../shared/runtime/version.ts'

const root = join(import.meta.dirname, '..', '..', '..')

test('one number is the version of every part', () => {
  const python = /^version = "(.+)"$/m.exec(readFileSync(join(root, 'workers/python/pyproject.toml'), 'utf8'))
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly version: string
  }
  expect([python?.[1], lock.version]).toEqual([version, version])
})
