import { basename } from 'node:path'
import { HistoryError, type HistoryFormat, idOf, known, parseClock } from './past-execution.ts'

const first = 'Command being timed:'

/**
 * Output of GNU `time -v`, one report after another, among whatever else a log holds. The task is the command's name,
 * unless one is given. A command that a signal ended has failed: what the signal was for is not told.
 * Source: time(1), GNU time 1.9.
 */
export const gnuTime: HistoryFormat = {
  description: 'reports of GNU time -v',
  matches: (beginning) => beginning.includes(first),
  read(text, task) {
    const [head = '', ...reports] = text.split(first)
    if (reports.length === 0) throw new HistoryError(`there is no "${first}"`)
    let skipped = 0
    let line = 1
    const seen = new Map<string, number>()
    const executions = reports.flatMap((following, index) => {
      line += (index === 0 ? head : (reports[index - 1] ?? '')).split('\n').length - 1
      // What a log holds behind the report is not of it, and may grow.
      const report = /^[\s\S]*?Exit status: \d+/.exec(following)?.[0] ?? following
      const value = (name: string) => {
        const line = report.split('\n').find((each) => each.trimStart().startsWith(name))
        return line?.slice(line.indexOf(name) + name.length).trim() ?? ''
      }
      const seconds = parseClock(value('Elapsed (wall clock) time (h:mm:ss or m:ss):'))
      const command = (report.split('\n')[0] ?? '').trim().replace(/^"|"$/g, '')
      if (seconds === undefined || command === '') {
        skipped++
        return []
      }
      const cpuSeconds = Number(value('User time (seconds):')) + Number(value('System time (seconds):'))
      const exit = value('Exit status:')
      const repeat = seen.get(report) ?? 0
      seen.set(report, repeat + 1)
      return {
        line,
        id: idOf('time', report, String(repeat)),
        task: task ?? basename(command.split(' ')[0] ?? command),
        attempt: 1,
        features: {},
        labels: {},
        requested: {},
        allocated: {},
        used: known({
          durationMs: seconds * 1000,
          memoryBytes: Number(value('Maximum resident set size (kbytes):')) * 1024,
          cpuCores: seconds > 0 ? cpuSeconds / seconds : undefined,
        }),
        outcome: isOk(exit, reports[index - 1] ?? head) ? ('succeeded' as const) : ('failed' as const),
        endedAtUnixMs: 0,
      }
    })
    return { executions, skipped, errors: [] }
  },
}

/** `Command terminated by signal N` stands above the report that it belongs to: at the end of the text before it. */
function isOk(exit: string, before: string): boolean {
  return exit === '0' && !/Command terminated by signal \d+\s*$/.test(before)
}
