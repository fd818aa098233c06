import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { commonOptions } from '../../../cli/command.ts'
import { loadAll } from '../../../cli/commands.ts'

/** Every command that a page shows is there, with the options that it is shown with. */

const root = join(import.meta.dirname, '..', '..', '..')
const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'RELEASING.md', 'SECURITY.md'],
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

/** What stands in fences and in backticks, a command that goes over several lines in one. */
const codeOf = (page: string) =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/```\w*\n([\s\S]*?)```|`([^`]+)`/g)].flatMap(
    ([, fenced, inline]) => (fenced ?? inline ?? '').replaceAll('\\\n', ' ').split('\n'),
  )

const found = (start: RegExp) =>
  pages.flatMap((page) =>
    codeOf(page).flatMap((line) => [...line.matchAll(start)].map((match) => ({ page, match }))),
  )

test('each `foresize COMMAND --option` of the pages is one', async () => {
  const commands = await loadAll()
  // As far as the command goes: a bracket, a pipe, a comment or the command that is run end it.
  const shown = found(/(?:^|\$\(|[|;&] *|cli\/)foresize ([a-z][a-z-]*)((?: (?!-- |-- *$)[^)|#;&\s]+)*)/g)
  const wrong = shown.flatMap(({ page, match: [line, name = '', rest = ''] }) => {
    const command = commands.get(name)
    if (name === 'help') return []
    if (command === undefined) return [`${page}: ${line}`]
    const options = [...rest.matchAll(/ --([a-z][a-z-]*)/g)].map(([, option]) => option ?? '')
    return options
      .filter((option) => !(option in commonOptions) && !(option in command.options))
      .map((option) => `${page}: foresize ${name} --${option}`)
  })
  expect(shown.length).toBeGreaterThan(50)
  expect(wrong).toEqual([])
})

test('each `make TARGET` of the pages is one', () => {
  const targets = new Set(
    [...readFileSync(join(root, 'Makefile'), 'utf8').matchAll(/^([a-z][a-z0-9-]*):/gm)].map(
      ([, name]) => name,
    ),
  )
  const shown = found(/^make ((?:[a-z][a-z0-9-]*(?: |$))+)/g)
  const wrong = shown.flatMap(({ page, match: [, names = ''] }) =>
    names
      .trim()
      .split(' ')
      .filter((name) => !targets.has(name))
      .map((name) => `${page}: make ${name}`),
  )
  expect(shown.length).toBeGreaterThan(15)
  expect(wrong).toEqual([])
})
