import { type ParseArgsConfig, parseArgs } from 'node:util'

export interface CommandOption {
  readonly type: 'string' | 'boolean'
  /** Shown in the help, for example BYTES. */
  readonly value?: string
  readonly short?: string
  readonly multiple?: boolean
  readonly description: string
}

export interface CommandInput {
  readonly values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>
  readonly positionals: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** When the command was called, by `performance.now()`. */
  readonly startedMs: number
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

/** Throws: UsageError. */
export function parseCommand(
  command: Command,
  args: readonly string[],
): Pick<CommandInput, 'values' | 'positionals'> {
  const options: NonNullable<ParseArgsConfig['options']> = { help: { type: 'boolean', short: 'h' } }
  for (const [name, { type, short, multiple }] of Object.entries(command.options)) {
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
    throw new UsageError(error instanceof Error ? error.message : String(error))
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

export function helpOf({ summary, usage, details, options }: Command): string {
  const rows = Object.entries({
    ...options,
    help: { type: 'boolean', short: 'h', description: 'show this' } as CommandOption,
  })
  const flags = rows.map(([name, { short, type, value }]) => {
    const long = `--${name}${type === 'string' ? ` ${value ?? 'TEXT'}` : ''}`
    return short === undefined ? `    ${long}` : `-${short}, ${long}`
  })
  const width = Math.max(...flags.map((flag) => flag.length))
  const lines = rows.map(([, { description, multiple }], i) => {
    return `  ${(flags[i] ?? '').padEnd(width)}  ${description}${multiple ? ' (may be repeated)' : ''}`
  })
  const more = details === undefined ? '' : `\n${details.trim()}\n`
  return `${summary}\n\nUsage: foresize ${usage}\n${more}\nOptions:\n${lines.join('\n')}\n`
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
  if (value === undefined || value === '') throw new UsageError(`--${name} is required`)
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

/** `key=number` pairs, the number with a unit if one likes: `--feature input_bytes=2MiB`. */
export function numberPairs(
  input: Pick<CommandInput, 'values'>,
  name: string,
  read: (value: string) => number | undefined,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(pairs(input, name)).map(([key, value]) => {
      const number = read(value)
      if (number === undefined) throw new UsageError(`--${name} ${key}=${value}: must be a number`)
      return [key, number]
    }),
  )
}
