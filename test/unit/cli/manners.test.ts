import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { causeOf, inWords } from '../../../cli/cause.ts'
import { UsageError } from '../../../cli/command.ts'
import { loadAll } from '../../../cli/commands.ts'
import { completionOf } from '../../../cli/completion.ts'
import { dataFolderOf } from '../../../cli/data-folder.ts'
import { estimate } from '../../../cli/estimate.ts'
import { optionTexts } from '../../../cli/help.ts'
import { describeTally, readHistory } from '../../../cli/histories/read-history.ts'
import { manOverview, manPage } from '../../../cli/man-page.ts'
import { table } from '../../../cli/table.ts'
import { runCommand } from '../../support/command-line.ts'

const commands = await loadAll()
const folder = mkdtempSync(join(tmpdir(), 'foresize-manners-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('what is written from the options', () => {
  test.each(['bash', 'zsh', 'fish'])('completion for %s knows every command and option', async (shell) => {
    const { out } = await runCommand(completionOf(loadAll), [shell])
    for (const [name, command] of commands) {
      expect(out).toContain(name)
      for (const option of optionTexts(command)) {
        expect(out).toContain(shell === 'fish' ? `-l ${option.name}` : `--${option.name}`)
      }
    }
  })

  test('bash completes with it', async () => {
    const { out } = await runCommand(completionOf(loadAll), ['bash'])
    const script = join(folder, 'completion.bash')
    writeFileSync(script, out)
    const complete = (...words: readonly string[]) =>
      execFileSync(
        'bash',
        [
          '-c',
          `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _foresize; echo "\${COMPREPLY[@]}"`,
          'bash',
          script,
          ...words,
        ],
        { encoding: 'utf8' },
      ).trim()
    expect(complete('foresize', 'conf')).toBe('confidence')
    expect(complete('foresize', 'help', 'conf')).toBe('confidence')
    expect(complete('foresize', 'estimate', '--prev')).toBe('--previous-memory --previous-outcome')
    expect(complete('foresize', 'estimate', '--risk', '')).toBe('')
  })

  test('each command has a manual page with all of its options, and one names the pages', () => {
    const overview = manOverview(commands, '1.2.3')
    for (const [name, command] of commands) {
      const page = manPage(name, command, '1.2.3')
      expect(overview).toContain(name.replaceAll('-', '\\-'))
      for (const option of optionTexts(command)) expect(page).toContain(option.name.replaceAll('-', '\\-'))
      expect(page).not.toMatch(/^'/m)
    }
  })

  test('an unknown shell is refused', async () => {
    await expect(runCommand(completionOf(loadAll), ['tcsh'])).rejects.toThrow(UsageError)
  })
})

describe('a cause is told without the words of the libraries it came through', () => {
  test.each([
    [
      '14 UNAVAILABLE: No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1',
      'connection refused 127.0.0.1:1',
    ],
    ["/x: ENOENT: no such file or directory, open '/x'", '/x: no such file or directory'],
    ["EACCES: permission denied, mkdir '/x/y'", '/x/y: permission denied'],
    ['Name resolution failed for target dns:nowhere:1', 'no address is known for nowhere:1'],
    ['a feature is no number', 'a feature is no number'],
  ])('%s', (message, cause) => {
    expect(inWords(message)).toBe(cause)
    expect(causeOf(new Error(message))).toBe(cause)
  })
})

describe('a fallback counts for a value that is missing, never for a wrong command line', () => {
  const nobody = ['--task', 'x', '--or', '4G', '--format', 'slurm', '--estimator', '127.0.0.1:1']
  test.each([
    [['--previous-outcome', 'oom']],
    [['--attempt', 'first']],
    [['--risk', '2']],
    [['--previous-memory', 'lots']],
    [['--label', 'x']],
    [['--within', 'long']],
    [['--cert', 'x']],
  ])('%j', async (args) => {
    await expect(runCommand(estimate, [...nobody, ...args])).rejects.toThrow(UsageError)
  })

  test('the size of a file that is not there', async () => {
    const { code, out } = await runCommand(estimate, [...nobody, '--feature', 'input_bytes='])
    expect([code, out]).toEqual([0, '4G\n'])
  })
})

describe('a table in a terminal', () => {
  const columns = [
    { title: 'task', value: (row: { task: string; n: string }) => row.task },
    { title: 'n', align: 'right' as const, value: (row: { task: string; n: string }) => row.n },
  ]
  const rows = [{ task: 'a-name-that-is-rather-long', n: '123456789' }]

  test('is as wide as it likes where there is no terminal', () => {
    expect(table(columns, rows)).toContain('a-name-that-is-rather-long  123456789')
  })
  test('cuts words where it is too narrow, and no number', () => {
    const [, line] = table(columns, rows, 25).split('\n')
    expect(line).toBe('a-name-that-i…  123456789')
  })
  test('becomes lines of title and value where that is not enough', () => {
    expect(table(columns, rows, 15)).toBe('task  a-name-that-is-rather-long\nn     123456789\n')
  })
})

test('what was learned is kept in one place, wherever a command is called', () => {
  const at = (values: Record<string, string>, env: Record<string, string>) =>
    dataFolderOf({ values, env, positionals: [], startedMs: 0, width: undefined, out() {}, err() {} })
  expect(at({}, { HOME: '/home/x' })).toBe('/home/x/.local/share/foresize')
  expect(at({}, { HOME: '/home/x', XDG_DATA_HOME: '/data' })).toBe('/data/foresize')
  expect(at({}, { HOME: '/home/x', XDG_DATA_HOME: 'relative' })).toBe('/home/x/.local/share/foresize')
  expect(at({ 'data-dir': '/mine' }, { HOME: '/home/x' })).toBe('/mine')
})

test('an empty history file is said to be empty', async () => {
  const path = join(folder, 'empty.csv')
  writeFileSync(path, '\n')
  const naming = { featureColumns: [], apply: () => 'never' }
  const tally = await readHistory(path, { format: undefined, naming }, () => true)
  expect(describeTally(tally)).toBe(`${path}: empty\n`)
})
