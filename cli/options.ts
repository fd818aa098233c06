import { formatBytes, formatDuration } from '../shared/domain/quantity-text.ts'
import { type Resources, resourceLimits } from '../shared/domain/resources.ts'
import { type CommandInput, type CommandOption, text, UsageError } from './command.ts'
import { parseBytes, parseDurationMs, parsePlainNumber } from './quantity.ts'

/** Readers of options that have a form: undefined where the option is not given. All throw UsageError naming it. */

type Given = Pick<CommandInput, 'values'>

export interface Range {
  /** Default 0. */
  readonly least?: number
  /** Default: none. */
  readonly most?: number
  /** The bounds themselves are refused. */
  readonly exclusive?: boolean
}

export function readNumber(input: Given, name: string, range: Range = {}): number | undefined {
  return read(input, name, within(range, parsePlainNumber), `a number ${shown(range)}`)
}

/** From 1, unless `range` says otherwise. */
export function readWhole(input: Given, name: string, range: Range = {}): number | undefined {
  const from = { least: 1, ...range }
  const parse = (value: string) => {
    const number = parsePlainNumber(value)
    return Number.isSafeInteger(number) ? number : undefined
  }
  return read(input, name, within(from, parse), `a whole number ${shown(from)}`)
}

export function readBytes(input: Given, name: string, range: Range & Example = {}): number | undefined {
  const { example = '2GiB', most } = range
  return read(input, name, within(range, parseBytes), like(example, most, formatBytes))
}

/** Milliseconds. */
export function readDuration(input: Given, name: string, range: Range & Example = {}): number | undefined {
  const { example = '90s', most } = range
  return read(input, name, within(range, parseDurationMs), like(example, most, formatDuration))
}

export function readWord<Word extends string>(
  input: Given,
  name: string,
  words: readonly Word[],
): Word | undefined {
  const parse = (value: string) => words.find((word) => word === value)
  return read(input, name, parse, words.length > 2 ? `one of ${words.join(', ')}` : words.join(' or '))
}

/** `host:port`, as a service can listen on and be found at. */
export function readAddress(input: Given, name: string): string | undefined {
  const parse = (value: string) => {
    const port = Number(/^.+:(\d{1,5})$/.exec(value)?.[1])
    return port >= 1 && port <= 65_535 ? value : undefined
  }
  return read(input, name, parse, 'host:port, like 127.0.0.1:7070')
}

/** The options `--memory`, `--cpu`, `--time`, `--disk`, `--gpu-memory`, described as resources of `whose`. */
export function resourceOptions(whose: string): Readonly<Record<string, CommandOption>> {
  return {
    memory: { type: 'string', value: 'BYTES', description: `memory ${whose}, for example 2GiB` },
    cpu: { type: 'string', value: 'CORES', description: `CPU ${whose}, for example 1.5` },
    time: { type: 'string', value: 'TIME', description: `run time ${whose}, for example 90s or 5m` },
    disk: { type: 'string', value: 'BYTES', description: `scratch disk ${whose}` },
    'gpu-memory': { type: 'string', value: 'BYTES', description: `GPU memory ${whose}` },
  }
}

/** Reads those options, within what the services take. */
export function readResourceOptions(input: Given): Resources {
  const resources = {
    memoryBytes: readBytes(input, 'memory', { most: resourceLimits.memoryBytes }),
    cpuCores: readNumber(input, 'cpu', { most: resourceLimits.cpuCores }),
    durationMs: readDuration(input, 'time', { most: resourceLimits.durationMs }),
    diskBytes: readBytes(input, 'disk', { example: '10GiB', most: resourceLimits.diskBytes }),
    gpuMemoryBytes: readBytes(input, 'gpu-memory', { example: '8GiB', most: resourceLimits.gpuMemoryBytes }),
  }
  return Object.fromEntries(Object.entries(resources).filter(([, value]) => value !== undefined))
}

interface Example {
  readonly example?: string
}

function read<T>(
  input: Given,
  name: string,
  parse: (value: string) => T | undefined,
  expected: string,
): T | undefined {
  const value = text(input, name)
  if (value === undefined) return undefined
  const parsed = parse(value)
  if (parsed === undefined) throw new UsageError(`--${name} ${value}: must be ${expected}`)
  return parsed
}

function within(
  { least = 0, most = Number.POSITIVE_INFINITY, exclusive = false }: Range,
  parse: (value: string) => number | undefined,
): (value: string) => number | undefined {
  return (value) => {
    const number = parse(value)
    if (number === undefined || number < least || number > most) return undefined
    return exclusive && (number === least || number === most) ? undefined : number
  }
}

function shown({ least = 0, most, exclusive }: Range): string {
  if (exclusive) return most === undefined ? `above ${least}` : `above ${least} and below ${most}`
  return most === undefined ? `from ${least}` : `from ${least} to ${most}`
}

function like(example: string, most: number | undefined, format: (value: number) => string): string {
  return most === undefined ? `like ${example}` : `like ${example}, at most ${format(most)}`
}
