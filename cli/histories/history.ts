import type { Features, Labels, Outcome } from '../../shared/domain/execution.ts'
import type { Resources } from '../../shared/domain/resources.ts'

/** One execution of the past, as a log tells it. */
export interface PastExecution {
  /** The same for the same entry of the same log: a second import of it counts nothing twice. */
  readonly id: string
  /** Where it stands in its log, from 1. */
  readonly line: number
  readonly task: string
  /** From 1. */
  readonly attempt: number
  readonly features: Features
  readonly labels: Labels
  readonly requested: Resources
  readonly allocated: Resources
  readonly used: Resources
  readonly outcome: Outcome
  /** Unix milliseconds, or by any other clock that the whole log goes by. */
  readonly startedAtMs?: number | undefined
  /** Unix milliseconds. */
  readonly endedAtUnixMs?: number | undefined
}

/** An execution before it has its name. */
export interface LoggedExecution extends Omit<PastExecution, 'task'> {
  /** Undefined where the log does not name it. */
  readonly task: string | undefined
  /** What stands in a column of its entry, under the log's own name for it. Valid until the next entry is read. */
  readonly field: (column: string) => string | undefined
}

/** What an entry turns out to be: an execution, what is wrong with it, or undefined where it says nothing of use. */
export type Entry = LoggedExecution | string | undefined

/** Takes what a reader finds, in the order in which it ends in the log. */
export interface HistorySink {
  execution(found: LoggedExecution): void
  /** An entry that says nothing of use: still running, taken from a cache, without a measurement. */
  skipped(line: number): void
  /** An entry that cannot be read; the others are. */
  fault(line: number, message: string): void
}

export function deliver(sink: HistorySink, line: number, entry: Entry): void {
  if (entry === undefined) sink.skipped(line)
  else if (typeof entry === 'string') sink.fault(line, entry)
  else sink.execution(entry)
}

/** Reads one log, piece by piece, in memory that does not grow with it. */
export interface HistoryReader {
  /** Throws: HistoryError where the whole log cannot be read. */
  write(text: string): void
  end(): void
}

export interface HistoryFormat {
  readonly description: string
  /** Whether a log looks like it, from its beginning. */
  matches(beginning: string): boolean
  /** `name`: of the log, without folder and ending. */
  read(sink: HistorySink, name: string): HistoryReader
}

/** A log that cannot be read. Its message is for the person who named it. */
export class HistoryError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'HistoryError'
  }
}
