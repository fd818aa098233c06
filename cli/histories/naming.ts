import { type CommandInput, type CommandOption, pairs, text, texts, UsageError } from '../command.ts'
import { parseNumber } from '../quantity.ts'
import type { LoggedExecution, PastExecution } from './history.ts'
import { inOrder, unreadable } from './values.ts'

/** How executions get the names and features that their log does not give them. */
export const namingOptions: Readonly<Record<string, CommandOption>> = {
  task: { type: 'string', value: 'NAME', description: 'call every execution so, whatever the log says' },
  'task-from': {
    type: 'string',
    value: 'COLUMN',
    description:
      'the column of the log that names the task; "file" is the name of the file, "folder" of its folder',
  },
  rename: {
    type: 'string',
    value: 'PATTERN=NAME',
    multiple: true,
    description: 'replace what a regular expression matches in the name of a task; $1 is its first group',
  },
  'feature-from': {
    type: 'string',
    value: 'NAME=COLUMN',
    multiple: true,
    description: 'make a feature of a column that was known before the run',
  },
  'ignore-input': { type: 'boolean', description: 'leave input_bytes out: it was not known before the run' },
}

/** Where the log is, as far as names are made of it. */
export interface Place {
  readonly file: string
  readonly folder: string
}

export interface Naming {
  /** Gives a logged execution its name and its features. A text is what is wrong with it. */
  apply(logged: LoggedExecution, place: Place): PastExecution | string
  /** Columns that features are to be made of. */
  readonly featureColumns: readonly string[]
}

/** Throws: UsageError. */
export function readNaming(input: Pick<CommandInput, 'values'>): Naming {
  const fixed = text(input, 'task')
  const column = text(input, 'task-from')
  const renames = texts(input, 'rename').map(readRename)
  const featureColumns = Object.entries(pairs(input, 'feature-from'))
  const ignoresInput = input.values['ignore-input'] === true
  const kept = keeper()

  function nameOf(logged: LoggedExecution, place: Place): string {
    if (fixed !== undefined) return fixed
    const named = column === undefined ? (logged.task ?? place.file) : (columnOf(column, logged, place) ?? '')
    return renames.reduce((name, { pattern, to }) => name.replace(pattern, to), named)
  }

  function apply(logged: LoggedExecution, place: Place): PastExecution | string {
    const { field: _field, ...execution } = logged
    const task = nameOf(logged, place)
    if (task === '') {
      return column === undefined ? 'the name of the task is empty' : `the column ${column} names no task`
    }
    const features: Record<string, number> = { ...logged.features }
    for (const [name, from] of featureColumns) {
      const value = columnOf(from, logged, place) ?? ''
      if (value === '' || value === '-') continue
      const number = parseNumber(value)
      if (number === undefined) return unreadable(`${from}, as the feature ${name},`, value)
      features[name] = number
    }
    if (ignoresInput) delete features['input_bytes']
    const labels = Object.entries(logged.labels).map(([name, value]) => [name, kept(value)] as const)
    return {
      ...execution,
      task: kept(task),
      features: inOrder(features),
      labels: inOrder(Object.fromEntries(labels)),
    }
  }

  return { apply, featureColumns: featureColumns.map(([, from]) => from) }
}

function columnOf(column: string, { field }: LoggedExecution, { file, folder }: Place): string | undefined {
  return field(column) || (column === 'file' ? file : column === 'folder' ? folder : undefined)
}

function readRename(text: string): { readonly pattern: RegExp; readonly to: string } {
  const at = text.lastIndexOf('=')
  if (at < 1) throw new UsageError(`--rename ${text}: must be PATTERN=NAME`)
  try {
    return { pattern: new RegExp(text.slice(0, at)), to: text.slice(at + 1) }
  } catch (error) {
    throw new UsageError(`--rename ${text}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Texts that are kept for the next who says the same. */
const maxKept = 10_000

/** A part of a text keeps all of it in memory, here a piece of the file: of what stays, a copy is made, once. */
function keeper(): (text: string) => string {
  const copies = new Map<string, string>()
  return (text) => {
    const known = copies.get(text)
    if (known !== undefined) return known
    const copy = Buffer.from(text).toString()
    if (copies.size >= maxKept) copies.clear()
    copies.set(copy, copy)
    return copy
  }
}
