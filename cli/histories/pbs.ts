import type { Outcome } from '../../shared/domain/execution.ts'
import type { Resources } from '../../shared/domain/resources.ts'
import { deliver, type Entry, type HistoryFormat } from './history.ts'
import { lines } from './lines.ts'
import {
  type Amounts,
  amountsOf,
  idOf,
  known,
  labelsOf,
  parseAmount,
  parseClock,
  parseWhole,
} from './values.ts'

/**
 * Accounting logs of PBS Professional, OpenPBS and Torque. Records of an end (E) and of a run that is to be repeated (R) are
 * executions, the job's name is the task.
 * Source: PBS Professional Reference Guide, "Accounting Log"; OpenPBS `job.h` for exit statuses.
 */
export const pbs: HistoryFormat = {
  description: 'accounting log of PBS (PBS Pro, OpenPBS, Torque)',
  matches: (beginning) =>
    recordLine.test(
      beginning
        .replace(/^\uFEFF/, '')
        .split('\n')[0]
        ?.trimEnd() ?? '',
    ),
  read(sink) {
    return lines((text, line) => {
      if (text.trim() === '') return
      const match = recordLine.exec(text)
      const [, type = '', job = '', message = ''] = match ?? []
      if (match === null) sink.fault(line, 'is no accounting record')
      else if (type === 'E' || type === 'R') deliver(sink, line, entryOf(line, type, job, message))
    })
  },
}

function entryOf(line: number, type: 'E' | 'R', job: string, message: string): Entry {
  const fields = fieldsIn(message)
  const field = (name: string) => fields.get(name) ?? ''
  const amounts = amountsOf(field, blanks)
  const requested = known(requestedBy(field, amounts))
  const used = known(usedBy(amounts))
  const start = amounts.of('start', parseWhole)
  const end = amounts.of('end', parseWhole)
  const runs = amounts.of('run_count', parseWhole)
  const status = amounts.of('Exit_status', parseStatus)
  const problem = amounts.problem()
  if (problem !== undefined) return problem
  return {
    line,
    id: idOf('pbs', job, field('start'), field('end'), field('run_count')),
    task: field('jobname') || undefined,
    attempt: runs || 1,
    features: {},
    labels: labelsOf({ queue: field('queue') }),
    requested,
    allocated: requested,
    used,
    outcome: type === 'R' ? 'evicted' : outcomeOf(status, used, requested),
    startedAtMs: start === undefined ? undefined : start * 1000,
    endedAtUnixMs: end === undefined ? undefined : end * 1000,
    field: (column) => fields.get(column),
  }
}

const recordLine = /^\d\d\/\d\d\/\d{4} \d\d:\d\d:\d\d;([A-Za-z]+);([^;]*);(.*)$/

const blanks: ReadonlySet<string> = new Set(['UNLIMITED', 'unlimited'])

/** `key=value key="a value" …` */
function fieldsIn(message: string): ReadonlyMap<string, string> {
  const pairs = message.matchAll(/([A-Za-z_][\w.-]{0,255})=("[^"]*"|'[^']*'|\S*)/g)
  return new Map([...pairs].map(([, key = '', value = '']) => [key, value.replace(/^(["'])(.*)\1$/, '$2')]))
}

const units: Readonly<Record<string, number>> = {
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
}
const wordBytes = 8

/** `1234kb`, `4gb`, `100mw` (words of eight bytes); a number alone is bytes. */
function parseSize(text: string): number | undefined {
  const match = /^(\d+)([kmgtp]?)([bw]?)$/i.exec(text)
  if (match === null) return undefined
  const unit = units[match[2]?.toLowerCase() || 'b'] ?? 1
  return Number(match[1]) * unit * (match[3]?.toLowerCase() === 'w' ? wordBytes : 1)
}

/** `1:00:00` or seconds. */
const parseSeconds = (text: string) => parseClock(text) ?? parseAmount(text)

const parseStatus = (text: string) => (/^-?\d+$/.test(text) ? Number(text) : undefined)

function usedBy(amounts: Amounts): Resources {
  const seconds = amounts.of('resources_used.walltime', parseSeconds)
  const cpuSeconds = amounts.of('resources_used.cput', parseSeconds)
  return {
    memoryBytes: amounts.of('resources_used.mem', parseSize),
    durationMs: seconds === undefined ? undefined : seconds * 1000,
    cpuCores: seconds && cpuSeconds !== undefined ? cpuSeconds / seconds : undefined,
  }
}

function requestedBy(field: (name: string) => string, amounts: Amounts): Resources {
  const chunks = chunksIn(field('Resource_List.select'))
  const seconds = amounts.of('Resource_List.walltime', parseSeconds)
  const cpuCores =
    amounts.of('Resource_List.ncpus', parseWhole) ?? chunks.cores ?? coresIn(field('Resource_List.nodes'))
  const perProcess = amounts.of('Resource_List.pmem', parseSize)
  return {
    memoryBytes:
      amounts.of('Resource_List.mem', parseSize) ??
      chunks.memoryBytes ??
      (perProcess === undefined ? undefined : perProcess * (cpuCores ?? 1)),
    cpuCores,
    durationMs: seconds === undefined ? undefined : seconds * 1000,
  }
}

/** `2:ncpus=4:mem=8gb+1:ncpus=1`: so many chunks of so much each. */
function chunksIn(select: string): { readonly cores?: number; readonly memoryBytes?: number } {
  let cores = 0
  let memoryBytes = 0
  for (const chunk of select.split('+')) {
    const count = Number(/^(\d+)(?:$|:)/.exec(chunk)?.[1] ?? 1)
    cores += count * Number(/(?:^|:)ncpus=(\d+)/.exec(chunk)?.[1] ?? 0)
    memoryBytes += count * (parseSize(/(?:^|:)mem=(\w+)/.exec(chunk)?.[1] ?? '') ?? 0)
  }
  return { ...(cores > 0 ? { cores } : {}), ...(memoryBytes > 0 ? { memoryBytes } : {}) }
}

/** Torque's `2:ppn=4`, also with the names of nodes. */
function coresIn(nodes: string): number | undefined {
  if (nodes === '') return undefined
  return nodes.split('+').reduce((sum, part) => {
    const count = Number(/^(\d+)(?::|$)/.exec(part)?.[1] ?? 1)
    return sum + count * Number(/ppn=(\d+)/.exec(part)?.[1] ?? 1)
  }, 0)
}

const [killedForVirtualMemory, killedForMemory, killedForCpuTime, killedForTime] = [-26, -27, -28, -29]
/** Statuses from here down to -20 are of jobs that PBS itself runs again. */
const rerun = { from: -20, to: -10 }
const signalled = 256
const [terminationSignal, killSignal] = [15, 9]
/** A run killed above this share of a limit was killed for it. */
const atLimit = 0.95

function outcomeOf(status: number | undefined, used: Resources, requested: Resources): Outcome {
  switch (status) {
    case undefined:
      return 'lost'
    case 0:
      return 'succeeded'
    case killedForMemory:
    case killedForVirtualMemory:
      return 'out-of-memory'
    case killedForTime:
    case killedForCpuTime:
      return 'timed-out'
  }
  if (status >= rerun.from && status <= rerun.to) return 'evicted'
  const isAtLimit = (dimension: 'memoryBytes' | 'durationMs') =>
    (used[dimension] ?? 0) >= atLimit * (requested[dimension] ?? Number.POSITIVE_INFINITY)
  const signal = status >= signalled ? status - signalled : status - 128
  if (signal === killSignal && isAtLimit('memoryBytes')) return 'out-of-memory'
  if ((signal === killSignal || signal === terminationSignal) && isAtLimit('durationMs')) return 'timed-out'
  return status === signalled + terminationSignal ? 'cancelled' : 'failed'
}
