import { type Command, type CommandOption, commonOptions } from './command.ts'

/** What is said of one option, wherever its command is described. */
export interface OptionText {
  readonly name: string
  readonly short: string | undefined
  /** What stands for its value, undefined where it takes none. */
  readonly value: string | undefined
  readonly description: string
}

export function optionTexts({ options }: Command): readonly OptionText[] {
  const all: Readonly<Record<string, CommandOption>> = { ...options, ...commonOptions }
  return Object.entries(all).map(([name, option]) => ({
    name,
    short: option.short,
    value: option.type === 'string' ? (option.value ?? 'TEXT') : undefined,
    description: `${option.description}${option.multiple ? ' (may be repeated)' : ''}`,
  }))
}

/** `-q, --quiet` and `--task NAME`. */
export function flagOf({ name, short, value }: OptionText): string {
  const long = `--${name}${value === undefined ? '' : ` ${value}`}`
  return short === undefined ? long : `-${short}, ${long}`
}

export function helpOf(command: Command): string {
  const texts = optionTexts(command)
  const flags = texts.map((each) => (each.short === undefined ? `    ${flagOf(each)}` : flagOf(each)))
  const width = Math.max(...flags.map((flag) => flag.length))
  const lines = texts.map(({ description }, i) => `  ${(flags[i] ?? '').padEnd(width)}  ${description}`)
  const more = command.details === undefined ? '' : `\n${command.details.trim()}\n`
  return `${command.summary}\n\nUsage: foresize ${command.usage}\n${more}\nOptions:\n${lines.join('\n')}\n`
}
