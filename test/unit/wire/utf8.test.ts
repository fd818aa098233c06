import fc from 'fast-check'
import { expect, test } from 'vitest'
import { atOnce } from '../../../shared/domain/at-once.ts'
import { readJson } from '../../../shared/wire/json-steps.ts'
import { utf8Text } from '../../../shared/wire/utf8.ts'

test('what is UTF-8 is read as it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const whole = text.toWellFormed()
      expect(utf8Text(Buffer.from(whole))).toBe(whole)
    }),
  )
  for (const text of ['\ufeffmarked', 'once \ufffd replaced']) expect(utf8Text(Buffer.from(text))).toBe(text)
})

test('what is not UTF-8 is read as text that is not well formed, and never as that of other bytes', () => {
  const bad = [
    [0xff],
    [0x61, 0xc3],
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xef, 0xbf, 0xbd, 0xfe],
  ]
  for (const bytes of bad) expect(utf8Text(Buffer.from(bytes)).isWellFormed(), `${bytes}`).toBe(false)
})

test.each([
  [
    'queries[1].task.task',
    Buffer.from('{"queries":[{"task":{"task":"a"}},{"task":{"task":"\xff"}}]}', 'latin1'),
  ],
  ['queries[0].labels', Buffer.from('{"queries":[{"labels":{"\xc3(":"a"}}]}', 'latin1')],
  ['task.task', Buffer.from('{"task":{"task":"\\uD800"}}')],
  ['task.task', Buffer.from('{"task":{"task":"\\udc00\\ud800"}}')],
])('JSON of a text that is not Unicode is refused, which names %s', (field, json) => {
  expect(() => atOnce(readJson(json))).toThrow(`${field}: must be well-formed Unicode`)
})

test('JSON may write any character out', () => {
  atOnce(readJson(Buffer.from('{"task":"\\ud83d\\uDE00 \\\\ud800 \\u00e9"}')))
})
