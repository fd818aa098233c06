import type { Resources } from '../../shared/domain/resources.ts'
import { commandName } from './command-name.ts'
import { deliver, HistoryError, type HistoryFormat, type LoggedExecution } from './history.ts'
import { lines } from './lines.ts'
import { idOf, known, occurrences, parseAmount, parseClock, parseWhole, unreadable } from './values.ts'

/**
 * Reports of `time -v` (GNU, BusyBox), of `time -l` (macOS) and of `time -p`, which `-l` follows on macOS, one after another,
 * among whatever else a log holds; those of `time -v` also behind the prefix of a log's lines. The task is what the command is
 * called; only `time -v` says. A command that a signal ended has failed: what the signal was for is not told.
 * Source: time(1), GNU time 1.9; BusyBox 1.36 time.c; Darwin time(1); POSIX.1-2024, time.
 */
export const time: HistoryFormat = {
  description: 'reports of time -v (GNU, BusyBox), time -l (macOS) and time -p',
  matches: (beginning) =>
    beginning.includes(firstLine) || bsdLine.test(beginning) || posixLines.test(beginning),
  read(sink) {
    const occurredBefore = occurrences()
    let report: VerboseReport | BsdReport | undefined
    let posix: PosixClocks | undefined
    let wasKilled = false
    let count = 0

    function finish(): void {
      if (report === undefined) return
      const { line, text } = report
      const read = 'command' in report ? readVerbose(report) : readBsd(report)
      report = undefined
      deliver(
        sink,
        line,
        typeof read === 'string'
          ? read
          : { ...unreported, line, id: idOf('time', text, String(occurredBefore(text))), ...read },
      )
    }

    function begin(next: VerboseReport | BsdReport): void {
      finish()
      count++
      report = next
      wasKilled = false
    }

    return lines(
      (text, line) => {
        posix = nextPosix(posix, text, line)
        if (posix?.clocks.length === 3) {
          const [real = '', user = '', system = ''] = posix.clocks
          begin({
            line: posix.line,
            wasKilled,
            text: posix.text,
            clocks: [real, user, system],
            peak: undefined,
          })
          return
        }
        if (posix !== undefined) {
          finish()
          return
        }
        const at = text.indexOf(firstLine)
        const bsd = bsdLine.exec(text)
        if (at >= 0) {
          const rest = text.slice(at + firstLine.length)
          begin({
            line,
            wasKilled,
            command: rest.trim().replace(/^"|"$/g, ''),
            text: rest,
            values: new Map(),
          })
        } else if (bsd !== null) {
          const [, real = '', user = '', system = ''] = bsd
          begin({ line, wasKilled, text: text.trim(), clocks: [real, user, system], peak: undefined })
        } else if (/Command terminated by signal \d+|command terminated abnormally/.test(text)) {
          finish()
          wasKilled = true
        } else if (report === undefined) wasKilled &&= text.trim() === ''
        else if ('command' in report) {
          const isLast = take(report, text)
          if (isLast) finish()
        } else if (/^\s*\d+\s+[a-z]/.test(text)) {
          report.text += `\n${text.trim()}`
          report.peak ??= /^\s*(\d+)\s+maximum resident set size/.exec(text)?.[1]
        } else finish()
      },
      () => {
        finish()
        if (count === 0) throw new HistoryError(`there is no "${firstLine}" and no "real … user … sys"`)
      },
    )
  },
}

/** What no report tells. */
const unreported = { attempt: 1, features: {}, labels: {}, requested: {}, allocated: {} }

const firstLine = 'Command being timed:'
/** `4.02 real 1.50 user 0.50 sys`, with `-h` as `1m4.02s real`. */
const bsdLine = /^\s*([\dhms.,]+)\s+real\s+([\dhms.,]+)\s+user\s+([\dhms.,]+)\s+sys\s*$/m

/** What `-p` prints, one after another. */
const posixWords = ['real', 'user', 'sys'] as const
const posixLines = /^real +[\d.,]+\r?\nuser +[\d.,]+\r?\nsys +[\d.,]+\r?$/m

/** So many of the three lines as came one after another. */
interface PosixClocks {
  readonly line: number
  readonly text: string
  readonly clocks: readonly string[]
}

/** Undefined where the line is not the next of the three. */
function nextPosix(before: PosixClocks | undefined, text: string, line: number): PosixClocks | undefined {
  const [, word, clock] = /^(real|user|sys) +([\d.,]+)$/.exec(text.trimEnd()) ?? []
  if (word === undefined || clock === undefined) return undefined
  if (word === 'real') return { line, text: text.trim(), clocks: [clock] }
  if (before === undefined || word !== posixWords[before.clocks.length]) return undefined
  return { line: before.line, text: `${before.text}\n${text.trim()}`, clocks: [...before.clocks, clock] }
}

interface Report {
  readonly line: number
  readonly wasKilled: boolean
  /** As it stands there: tells it from its like. */
  text: string
}

interface VerboseReport extends Report {
  readonly command: string
  readonly values: Map<Label, string>
}

interface BsdReport extends Report {
  readonly clocks: readonly [real: string, user: string, system: string]
  peak: string | undefined
}

const labels = [
  'User time (seconds):',
  'System time (seconds):',
  'Elapsed (wall clock) time (h:mm:ss or m:ss):',
  'Maximum resident set size (kbytes):',
  'Exit status:',
] as const

type Label = (typeof labels)[number]

/** Lines of a report: what goes on for longer has no end. */
const maxReportLength = 10_000

/** Takes a line into the report. Whether it was its last. */
function take(report: VerboseReport, text: string): boolean {
  const label = labels.find((each) => text.includes(each))
  const value = label === undefined ? '' : text.slice(text.indexOf(label) + label.length).trim()
  if (label !== undefined) report.values.set(label, value)
  const isLast = label === 'Exit status:'
  // What a log holds behind the status is not of the report, and may grow.
  report.text += `\n${isLast ? text.slice(0, text.indexOf(label) + label.length + 1) + value : text}`
  return isLast || report.text.length > maxReportLength
}

type Read = Pick<LoggedExecution, 'task' | 'used' | 'outcome' | 'field'>

/** An execution, or what cannot be read. */
function readVerbose({ command, values, wasKilled }: VerboseReport): Read | string {
  const [user, system, elapsed, peak] = labels.map((label) => values.get(label) ?? '')
  const seconds = parseElapsed(elapsed ?? '')
  if (command === '') return 'has no command'
  if (seconds === undefined) return unreadable('Elapsed time', elapsed ?? '')
  const cpu = [user ?? '', system ?? ''].map(parseAmount)
  const kibibytes = parseWhole(peak ?? '')
  const wrong = [user, system].find((text, i) => text !== '' && cpu[i] === undefined)
  if (wrong !== undefined) return unreadable('CPU time', wrong)
  if (kibibytes === undefined && peak !== '') return unreadable('Maximum resident set size', peak ?? '')
  const status = values.get('Exit status:')
  return {
    task: commandName(command),
    used: usage(seconds, cpu, kibibytes === undefined ? undefined : kibibytes * 1024),
    outcome: status === '0' && !wasKilled ? 'succeeded' : 'failed',
    field: (column) => (column === 'command' ? command : undefined),
  }
}

function readBsd({ clocks, peak, wasKilled }: BsdReport): Read | string {
  const [seconds, ...cpu] = clocks.map(parseElapsed)
  const wrong = clocks.find((text) => parseElapsed(text) === undefined)
  if (wrong !== undefined || seconds === undefined) return unreadable('time', wrong ?? '')
  return {
    task: undefined,
    // macOS counts bytes where others count KiB.
    used: usage(seconds, cpu, peak === undefined ? undefined : Number(peak)),
    outcome: wasKilled ? 'failed' : 'succeeded',
    field: () => undefined,
  }
}

function usage(
  seconds: number,
  [user = 0, system = 0]: readonly (number | undefined)[],
  memoryBytes: number | undefined,
): Resources {
  return known({
    durationMs: seconds * 1000,
    memoryBytes,
    cpuCores: seconds > 0 ? (user + system) / seconds : undefined,
  })
}

/** Seconds: `1:02:03`, BusyBox's `2h 3m 13s` and `0m 13.99s`, macOS's `4.02` and `1m4.02s`. */
function parseElapsed(text: string): number | undefined {
  const clock = parseClock(text)
  if (clock !== undefined) return clock
  const match = /^(?:(\d+)h\s*)?(?:(\d+)m\s*)?(\d+(?:\.\d+)?)s?$/.exec(text)
  if (match === null) return undefined
  const [hours = 0, minutes = 0, seconds = 0] = match.slice(1).map((part) => Number(part ?? 0))
  return (hours * 60 + minutes) * 60 + seconds
}
