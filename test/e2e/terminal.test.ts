import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { foresize, root } from './support.ts'

test('what somebody else has named does not command the terminal', async () => {
  const { stderr } = await foresize(['\u202e\u009b31mevil']).done
  expect(stderr).toContain('there is no command "\\u202e\\u009b31mevil"')
  expect(stderr.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
})

test.each([
  ['/dev/full', 1, 'foresize: standard output: ENOSPC: no space left on device, write\n'],
  ['>(head -c 1 > /dev/null)', 0, ''],
])('an output that takes nothing more, %s, ends it without a stack trace', (output, status, stderr) => {
  const script = `"$0" completion bash > ${output}`
  const done = spawnSync('bash', ['-c', script, join(root, 'cli', 'foresize')], { encoding: 'utf8' })
  expect({ status: done.status, stderr: done.stderr }).toEqual({ status, stderr })
})
