import { expect, test } from 'vitest'
import { foresize } from './support.ts'

test('what somebody else has named does not command the terminal', async () => {
  const { stderr } = await foresize(['\u202e\u009b31mevil']).done
  expect(stderr).toContain('there is no command "\\u202e\\u009b31mevil"')
  expect(stderr.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
})
