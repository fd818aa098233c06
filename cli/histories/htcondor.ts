import {
  type CondorEvent,
  type CondorResources,
  condorJobs,
  kibibyte,
  mebibyte,
  parseRusage,
} from './condor-job.ts'
import type { HistoryFormat } from './history.ts'
import { lines } from './lines.ts'

/** The event log of HTCondor (`log =` of a submit file, also DAGMan's), as it is written by default. */
export const htcondor: HistoryFormat = {
  description: 'event log of HTCondor',
  matches: (beginning) =>
    eventLine.test(
      beginning
        .replace(/^\uFEFF/, '')
        .split('\n')[0]
        ?.trimEnd() ?? '',
    ),
  read(sink) {
    const jobs = condorJobs(sink)
    let event: TextEvent | undefined

    function finish(): void {
      if (event === undefined) return
      jobs.take(eventOf(event))
      event = undefined
    }

    return lines(
      (text, line) => {
        const match = eventLine.exec(text)
        if (match !== null) {
          finish()
          const [, code = '', job = '', stamp = ''] = match
          event = { line, code: Number(code), job, stamp, body: text }
        } else if (text.startsWith('...')) finish()
        else if (event !== undefined && event.body.length < maxBodyLength) event.body += `\n${text}`
        else if (text.trim() !== '') sink.fault(line, 'belongs to no event')
      },
      () => {
        finish()
        jobs.end()
      },
    )
  },
}

const eventLine = /^(\d{3}) \((\d+\.-?\d+\.-?\d+)\) (\d{4}-\d\d-\d\d[ T][\d:.]+|\d\d\/\d\d [\d:]+)Z? /

const maxBodyLength = 100_000

interface TextEvent extends Pick<CondorEvent, 'line' | 'code' | 'job' | 'stamp'> {
  body: string
}

function eventOf({ line, code, job, stamp, body }: TextEvent): CondorEvent {
  const first = (form: RegExp) => form.exec(body)?.[1]
  return {
    ...{ line, code, job, stamp },
    node: () => first(/^[ \t]+DAG Node: (.+)$/m)?.trim(),
    residentBytes() {
      const resident = first(/^[ \t]*(\d+)[ \t]+-[ \t]+ResidentSetSize of job \(KB\)/m)
      const usage = first(/^[ \t]*(\d+)[ \t]+-[ \t]+MemoryUsage of job \(MB\)/m)
      return resident === undefined ? Number(usage ?? 0) * mebibyte : Number(resident) * kibibyte
    },
    hasSucceeded: () => /\(1\) Normal termination \(return value 0\)/.test(body),
    holdCode: () => Number(first(/^[ \t]+Code (\d+) Subcode/m)),
    cpuSeconds: () => parseRusage(first(/^(.*)[ \t]-[ \t]+Run Remote Usage/m) ?? ''),
    resources: () => resourcesIn(body),
  }
}

const rows = [
  ['cpuCores', /^[ \t]+Cpus[ \t]*:(.*)$/m, 1],
  ['memoryBytes', /^[ \t]+Memory \(MB\)[ \t]*:(.*)$/m, mebibyte],
  ['diskBytes', /^[ \t]+Disk \(KB\)[ \t]*:(.*)$/m, kibibyte],
] as const

/** The table of partitionable resources. Its first column is blank where nothing was measured. */
function resourcesIn(body: string): CondorResources {
  const usage: Record<string, number> = {}
  const requested: Record<string, number> = {}
  const allocated: Record<string, number> = {}
  for (const [dimension, form, unit] of rows) {
    const numbers = (form.exec(body)?.[1] ?? '')
      .trim()
      .split(/\s+/)
      .filter((text) => /^\d/.test(text))
      .map(Number)
    if (numbers.length < 2) continue
    const [used, asked, given] = numbers.length === 2 ? [undefined, ...numbers] : numbers
    if (used !== undefined) usage[dimension] = used * unit
    if (asked !== undefined) requested[dimension] = asked * unit
    if (given !== undefined) allocated[dimension] = given * unit
  }
  return { usage, requested, allocated }
}
