import { createReadStream } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { counted } from '../../shared/domain/quantity-text.ts'
import { turn } from '../../shared/runtime/turns.ts'
import { type CommandInput, type CommandOption, UsageError } from '../command.ts'
import { readWord } from '../options.ts'
import { formatList, formatOf, formats } from './formats.ts'
import { HistoryError, type HistoryReader, type LoggedExecution, type PastExecution } from './history.ts'
import { type Naming, namingOptions, readNaming } from './naming.ts'

export const historyOptions: Readonly<Record<string, CommandOption>> = {
  format: {
    type: 'string',
    value: 'FORMAT',
    description: `of the files, where their beginning does not tell: ${Object.keys(formats).join(', ')}`,
  },
  ...namingOptions,
}

export interface HistorySettings {
  /** Undefined: told by the beginning of each file. */
  readonly format: string | undefined
  readonly naming: Naming
}

/** Throws: UsageError. */
export function readHistorySettings(input: CommandInput): HistorySettings {
  return { format: readWord(input, 'format', Object.keys(formats)), naming: readNaming(input) }
}

/** What was found in one file. */
export interface HistoryTally {
  readonly path: string
  /** Nothing is in it. */
  readonly isEmpty: boolean
  readonly format: string
  readonly executions: number
  /** Executions with a peak of memory, a CPU use, a run time. */
  readonly memory: number
  readonly cpu: number
  readonly time: number
  /** Entries that say nothing of use: still running, taken from a cache. */
  readonly skipped: number
  readonly unreadable: number
  /** Of the unreadable the first few, `file:line: why`, after what is wrong with all of it. */
  readonly reasons: readonly string[]
}

const maxReasons = 10
/** Characters from which the format is told. */
const beginningLength = 10_000

/**
 * Reads the executions of a file, gzipped or not, `-` being standard input, in memory that does not grow with it and in
 * turns that leave others theirs. `each` says whether to go on.
 * Throws: HistoryError naming the file.
 */
export async function readHistory(
  path: string,
  { format: named, naming }: HistorySettings,
  each: (execution: PastExecution) => boolean,
): Promise<HistoryTally> {
  const place = { file: nameOf(path), folder: basename(dirname(resolve(path))) }
  const counts = { executions: 0, memory: 0, cpu: 0, time: 0, skipped: 0, unreadable: 0 }
  const reasons: string[] = []
  const unseen = new Set(naming.featureColumns)
  let goesOn = true

  function fault(line: number, message: string): void {
    counts.unreadable++
    if (reasons.length < maxReasons) reasons.push(`${path}:${line}: ${message}`)
  }
  const sink = {
    execution(logged: LoggedExecution): void {
      if (!goesOn) return
      for (const column of unseen) if (logged.field(column)) unseen.delete(column)
      const execution = naming.apply(logged, place)
      if (typeof execution === 'string') {
        fault(logged.line, execution)
        return
      }
      const { memoryBytes, cpuCores, durationMs } = execution.used
      counts.executions++
      if (memoryBytes !== undefined) counts.memory++
      if (cpuCores !== undefined) counts.cpu++
      if (durationMs !== undefined) counts.time++
      goesOn = each(execution)
    },
    skipped(): void {
      counts.skipped++
    },
    fault,
  }

  let format = named
  let reader: HistoryReader | undefined
  let beginning = ''
  function begin(): HistoryReader {
    format ??= formatOf(beginning)
    if (format === undefined) {
      throw new HistoryError(`of no known format; name it with --format, one of\n${formatList}`)
    }
    const opened = formats[format]?.read(sink, place.file)
    if (opened === undefined) throw new HistoryError(`there is no format ${format}`)
    opened.write(beginning)
    return opened
  }

  try {
    for await (const text of textsOf(path)) {
      if (reader === undefined) {
        beginning += text
        if (beginning.length >= beginningLength) reader = begin()
      } else reader.write(text)
      if (!goesOn) break
      if (turn.isOver()) await turn.rest()
    }
    if (reader === undefined && beginning.trim() !== '') reader = begin()
    if (goesOn) reader?.end()
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new HistoryError(`${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
  const blank = [...unseen].map((column) => `${path}: no entry has a value in ${column}, of --feature-from`)
  return {
    path,
    isEmpty: reader === undefined,
    format: format ?? '',
    ...counts,
    reasons: counts.executions === 0 ? reasons : [...blank, ...reasons],
  }
}

/** `trace` for `runs/trace.csv.gz`. */
export function nameOf(path: string): string {
  return path === '-' ? 'stdin' : basename(path).replace(/(?:\.[A-Za-z]{1,8})?(?:\.gz)?$/, '')
}

/** Bytes whose rows are read in one go. */
const pieceBytes = 16 * 2 ** 10
const readBytes = 16 * pieceBytes

async function* textsOf(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  for await (const bytes of bytesOf(path)) {
    for (let from = 0; from < bytes.length; from += pieceBytes) {
      yield decoder.decode(bytes.subarray(from, from + pieceBytes), { stream: true })
    }
  }
  yield decoder.decode()
}

async function* bytesOf(path: string): AsyncGenerator<Buffer> {
  const raw: AsyncIterable<Buffer> =
    path === '-' ? process.stdin : createReadStream(path, { highWaterMark: readBytes })
  const pieces = raw[Symbol.asyncIterator]()
  const first = await pieces.next()
  if (first.done === true) return
  async function* whole(): AsyncGenerator<Buffer> {
    yield first.value
    yield* { [Symbol.asyncIterator]: () => pieces }
  }
  const isGzip = first.value[0] === 0x1f && first.value[1] === 0x8b
  // What goes wrong ends in the last of them, which is read here.
  if (isGzip) yield* pipeline(Readable.from(whole()), createGunzip(), () => undefined)
  else yield* whole()
}

const some = (count: number, what: string) => (count === 0 ? '' : `, ${count} ${what}`)

/** One line a file, and one for each of the first that cannot be read. */
export function describeTally({
  path,
  isEmpty,
  format,
  executions,
  memory,
  cpu,
  time,
  ...rest
}: HistoryTally): string {
  if (isEmpty) return `${path}: empty\n`
  const known = `${counted(executions, 'execution')}, ${memory} with memory, ${cpu} with CPU, ${time} with time`
  const others = some(rest.skipped, 'entries skipped') + some(rest.unreadable, 'entries unreadable')
  const reasons = rest.reasons.map((reason) => `  ${reason}\n`).join('')
  const unnamed = Math.max(0, rest.unreadable - maxReasons)
  return `${path} (${format}): ${known}${others}\n${reasons}${unnamed > 0 ? `  and ${unnamed} more\n` : ''}`
}
