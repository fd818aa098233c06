import { type ParseArgsConfig, parseArgs } from 'node:util'
import { closest } from 'fastest-levenshtein'

export interface CommandOption {
  readonly type: 'string' | 'boolean'
  /** Shown in the help, for example BYTES. */
  readonly value?: string
  readonly short?: string
  readonly multiple?: boolean
  readonly description: string
}

/** Options that every command takes. */
export const commonOptions = {
  help: { type: 'boolean', short: 'h', description: 'show this' },
  version: { type: 'boolean', description: 'show which version this is' },
} as const satisfies Readonly<Record<string, CommandOption>>

export interface CommandInput {
  readonly values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>
  readonly positionals: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** When the command was called, by `performance.now()`. */
  readonly startedMs: number
  /** Characters that a line of the terminal holds; undefined where standard output is none. */
  readonly width: number | undefined
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

export interface Command {
  readonly summary: string
  /** After `foresize`, for example `estimate --task NAME [options]`. */
  readonly usage: string
  /** Below the usage in the help. */
  readonly details?: string
  readonly options: Readonly<Record<string, CommandOption>>
  readonly positionals?: boolean
  /** Resolves with the exit code. */
  run(input: CommandInput): Promise<number>
}

/** The command line is wrong. Its message is for the person who typed it. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}

/**
 * The command line is right, but a value is missing or no number: in a script it comes from a file or a variable that is
 * not there. A fallback that was asked for counts then; for a command line that is wrong it never does.
 */
export class ValueError extends UsageError {
  constructor(message: string) {
    super(message)
    this.name = 'ValueError'
  }
}

/** Throws: UsageError. */
export function parseCommand(
  command: Command,
  args: readonly string[],
): Pick<CommandInput, 'values' | 'positionals'> {
  const options: NonNullable<ParseArgsConfig['options']> = {}
  const all: Command['options'] = { ...command.options, ...commonOptions }
  for (const [name, { type, short, multiple }] of Object.entries(all)) {
    options[name] = { type, ...(short === undefined ? {} : { short }), ...(multiple ? { multiple } : {}) }
  }
  try {
    return parseArgs({
      args: withNegatives(command, args),
      options,
      allowPositionals: command.positionals === true,
      strict: true,
    })
  } catch (error) {
    throw new UsageError(wrongOption(error, Object.keys(options)))
  }
}

/** `parseArgs` speaks to who wrote the program; this to who typed. */
function wrongOption(error: unknown, known: readonly string[]): string {
  const { message, code } = error as NodeJS.ErrnoException
  const named = /'(?:-\w, )?(--?[^' ]+)/.exec(message)?.[1] ?? ''
  switch (code) {
    case 'ERR_PARSE_ARGS_UNKNOWN_OPTION':
      return `there is no option ${named}; nearest is --${closest(named.replace(/^-+/, ''), known)}`
    case 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE':
      return /does not take/.test(message) ? `${named} takes no value` : `${named} needs a value`
    case 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL':
      return `"${/'([^']*)'/.exec(message)?.[1] ?? ''}" is too many: only options are taken`
    default:
      return message
  }
}

/** `--memory -5` as `--memory=-5`: parseArgs takes it for two options; what is wrong with it is its reader's to say. */
function withNegatives({ options }: Command, args: readonly string[]): string[] {
  const joined: string[] = []
  const own = args.indexOf('--')
  for (const [at, arg] of args.entries()) {
    const before = joined.at(-1)
    const isValue = own < 0 || at < own
    const takesOne =
      before?.startsWith('--') && options[before.slice(2)]?.type === 'string' && before === args[at - 1]
    if (isValue && takesOne && /^-\.?\d/.test(arg)) joined[joined.length - 1] = `${before}=${arg}`
    else joined.push(arg)
  }
  return joined
}

export function text(input: Pick<CommandInput, 'values'>, name: string): string | undefined {
  const value = input.values[name]
  return typeof value === 'string' ? value : undefined
}

export function texts(input: Pick<CommandInput, 'values'>, name: string): readonly string[] {
  const value = input.values[name]
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
}

export function flag(input: Pick<CommandInput, 'values'>, name: string): boolean {
  return input.values[name] === true
}

export function required(input: Pick<CommandInput, 'values'>, name: string): string {
  const value = text(input, name)
  if (value === undefined) throw new UsageError(`--${name} is required`)
  if (value === '') throw new ValueError(`--${name} is required, and empty`)
  return value
}

/** `key=value` pairs. Throws: UsageError for one without a key. */
export function pairs(input: Pick<CommandInput, 'values'>, name: string): Record<string, string> {
  return Object.fromEntries(
    texts(input, name).map((pair) => {
      const at = pair.indexOf('=')
      if (at < 1) throw new UsageError(`--${name} ${pair}: must be KEY=VALUE`)
      return [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
}

/** `key=number` pairs, the number with a unit if one likes: `--feature input_bytes=2MiB`. Throws: ValueError for no number. */
export function numberPairs(
  input: Pick<CommandInput, 'values'>,
  name: string,
  read: (value: string) => number | undefined,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(pairs(input, name)).map(([key, value]) => {
      const number = read(value)
      if (number === undefined) throw new ValueError(`--${name} ${key}=${value}: must be a number`)
      return [key, number]
    }),
  )
}
