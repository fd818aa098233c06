import type { HistoryFormat, LoggedExecution } from '../../cli/histories/history.ts'

export interface ReadLog {
  readonly executions: readonly LoggedExecution[]
  /** `line: message` */
  readonly faults: readonly string[]
  readonly skipped: number
}

/** What a format finds in a log, given in pieces of so many characters. */
export function readLog(
  format: HistoryFormat,
  text: string,
  name = 'log',
  piece = text.length || 1,
): ReadLog {
  const executions: LoggedExecution[] = []
  const faults: string[] = []
  let skipped = 0
  const reader = format.read(
    {
      execution: (found) => executions.push(found),
      skipped: () => skipped++,
      fault: (line, message) => faults.push(`${line}: ${message}`),
    },
    name,
  )
  for (let from = 0; from < text.length; from += piece) reader.write(text.slice(from, from + piece))
  reader.end()
  return { executions, faults, skipped }
}

/** A table, a line a row. */
export const tableOf = (separator: string, rows: readonly (readonly string[])[]): string =>
  `${rows.map((row) => row.join(separator)).join('\n')}\n`
