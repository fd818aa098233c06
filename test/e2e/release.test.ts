import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { projectRoot } from '../support/manifests.ts'

/** `make release`, as far as it needs no toolchain; what it builds is for test/release. */

const folder = mkdtempSync(join(tmpdir(), 'foresize-release-'))
afterAll(() => rmSync(folder, { recursive: true }))

function release(...parts: readonly string[]) {
  const env = { ...process.env, RELEASE_FOLDER: folder }
  return spawnSync(process.execPath, ['scripts/release/main.ts', ...parts], {
    cwd: projectRoot,
    env,
    encoding: 'utf8',
  })
}

test('a folder that holds something else is not emptied, whatever names it', () => {
  writeFileSync(join(folder, 'thesis.txt'), 'one copy')
  expect(release('protos')).toMatchObject({
    status: 2,
    stderr: `make release: RELEASE_FOLDER ${folder}: holds no release, and is not emptied\n`,
  })
  expect(readdirSync(folder)).toEqual(['thesis.txt'])
})

test('a part that there is not is named before anything is removed', () => {
  const { status, stderr } = release('protos', 'nmp')
  expect([status, stderr]).toEqual([2, expect.stringMatching(/^make release: there is no part nmp: npm, /)])
  expect(readdirSync(folder)).toEqual(['thesis.txt'])
})

test('a release takes the place of the one before', () => {
  rmSync(join(folder, 'thesis.txt'))
  for (const _ of [1, 2]) {
    expect(release('protos').status).toBe(0)
    expect(readdirSync(folder).sort()).toEqual(['SHA256SUMS', expect.stringMatching(/^foresize-proto-/)])
  }
})
