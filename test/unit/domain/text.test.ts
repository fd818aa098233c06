import fc from 'fast-check'
import pino from 'pino'
import { expect, test } from 'vitest'
import { readRecord } from '../../../cli/histories/csv.ts'
import { clearLine } from '../../../cli/progress.ts'
import { table } from '../../../cli/table.ts'
import { csvCell, visible, visibleHtml, visibleLines } from '../../../shared/domain/text.ts'
import { visibleTo } from '../../../shared/runtime/log.ts'

/** What a terminal or a reader's eye obeys: C0 and C1 controls, bidirectional and invisible formats, line separators. */
const commanding = [
  ...[
    '\u001b[31m',
    '\u009b31m',
    '\u0085',
    '\u202e',
    '\u2066',
    '\u200f',
    '\u061c',
    '\ufeff',
    '\u200b',
    '\u00ad',
  ],
  ...['\u2028', '\u2029', '\u{e0041}', '\ud800', '\u007f'],
]
const commands = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u
const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...commanding))

test.each(commanding)('%j is written out in every medium', (text) => {
  for (const show of [visible, visibleLines, visibleHtml, csvCell]) {
    expect(show(`a${text}b`)).not.toMatch(commands)
    expect(show(`a${text}b`)).toMatch(/^a\\u.*b$/)
  }
  expect(table([{ title: 'task', value: (name: string) => name }], [text])).not.toMatch(
    /[\p{Cf}\u0080-\u009f]/u,
  )
})

test('text of any script is left as it is', () => {
  for (const text of ['Größe', '日本語', 'עברית', 'हिन्दी', '😀 👍🏽', 'a\tb\n'])
    expect(visibleLines(text)).toBe(text)
})

test('JSON says the same when it is made visible, and no line of it commands', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const json = JSON.stringify({ text }, null, 2)
      expect(JSON.parse(visibleLines(json))).toEqual({ text })
      expect(visibleLines(json).replaceAll('\n', '')).not.toMatch(commands)
    }),
  )
})

test('a log line says the same and commands nothing', () => {
  let line = ''
  const log = pino(
    {},
    visibleTo({
      write: (text) => {
        line += text
      },
    }),
  )
  log.info({ task: commanding.slice(0, -2).join('') }, 'told')
  expect(line.trimEnd()).not.toMatch(commands)
  expect(JSON.parse(line).task).toBe(commanding.slice(0, -2).join(''))
})

test.each(['=1+1', '＝1+1', '﹦1', '+1', '＋1', '-1', '－1', '@a', '＠a', ' =1', '\u3000=1'])(
  'no spreadsheet runs %j',
  (text) => {
    expect(csvCell(text)).toBe(`'${text}`)
  },
)

test('a cell reads back to the visible text, whatever it holds', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const { fields } = readRecord(`${csvCell(text)},next`, 0)
      expect(fields[0]?.replace(/^'/, '')).toBe(visible(text).replace(/^'/, ''))
      expect(fields[1]).toBe('next')
    }),
  )
})

test('a page takes no markup from a name', () => {
  expect(visibleHtml('<script>"&\'')).toBe('&#60;script&#62;&#34;&#38;&#39;')
})

test('the line of progress is the one command there is', () => {
  expect(clearLine).toBe('\r\u001b[K')
})
