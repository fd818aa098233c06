import { readdirSync, readFileSync } from 'node:fs'

/** What the kernel says of one process. Source: proc(5). */
export interface ProcessStat {
  readonly pid: number
  readonly parentPid: number
  /** Its own CPU time and that of the children it waited for, in clock ticks. */
  readonly cpuTicks: number
  /** Clock ticks since boot: tells a process from a later one with the same pid. */
  readonly startTicks: number
  readonly isZombie: boolean
}

export interface ProcessMemory {
  readonly residentBytes: number
  /** Highest resident set since exec, kept by the kernel. */
  readonly peakBytes: number
}

/** `/proc/<pid>/stat`; undefined where the text is not one. The command name may hold spaces and parentheses. */
export function parseStat(text: string): ProcessStat | undefined {
  const open = text.indexOf('(')
  const close = text.lastIndexOf(')')
  if (open < 0 || close < open) return undefined
  const pid = Number(text.slice(0, open))
  const fields = text.slice(close + 2).split(' ')
  const [state, parent] = fields
  const [user, system, childUser, childSystem] = fields.slice(11, 15).map(Number)
  const startTicks = Number(fields[19])
  if (state === undefined || user === undefined || system === undefined) return undefined
  const cpuTicks = user + system + (childUser ?? 0) + (childSystem ?? 0)
  const parentPid = Number(parent)
  if (![pid, parentPid, cpuTicks, startTicks].every(Number.isFinite)) return undefined
  return { pid, parentPid, cpuTicks, startTicks, isZombie: state === 'Z' || state === 'X' }
}

/** `/proc/<pid>/status`; undefined for a zombie or a kernel thread, which hold no memory. */
export function parseStatus(text: string): ProcessMemory | undefined {
  const residentBytes = kibibytes(text, 'VmRSS:')
  if (residentBytes === undefined) return undefined
  return { residentBytes, peakBytes: Math.max(residentBytes, kibibytes(text, 'VmHWM:') ?? 0) }
}

/** Proportional set size in bytes, from `/proc/<pid>/smaps_rollup`: a shared page counts once in a sum. */
export function parsePss(text: string): number | undefined {
  return kibibytes(text, 'Pss:')
}

function kibibytes(text: string, key: string): number | undefined {
  const at = text.indexOf(key)
  if (at < 0) return undefined
  const value = Number.parseInt(text.slice(at + key.length), 10)
  return Number.isFinite(value) ? value * 1024 : undefined
}

/** A file under /proc, undefined where the process is gone or may not be read. */
function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}

export const readStat = (pid: number): ProcessStat | undefined => {
  const text = readProc(`/proc/${pid}/stat`)
  return text === undefined ? undefined : parseStat(text)
}

export const readMemory = (pid: number): ProcessMemory | undefined => {
  const text = readProc(`/proc/${pid}/status`)
  return text === undefined ? undefined : parseStatus(text)
}

export const readPss = (pid: number): number | undefined => {
  const text = readProc(`/proc/${pid}/smaps_rollup`)
  return text === undefined ? undefined : parsePss(text)
}

/** Every process id there is. */
export function listPids(): number[] {
  const pids: number[] = []
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (Number.isInteger(pid)) pids.push(pid)
  }
  return pids
}

let ticksPerSecond: number | undefined

/** Clock ticks in a second, from the auxiliary vector (AT_CLKTCK = 17), 100 where it cannot be read. */
export function clockTicksPerSecond(): number {
  if (ticksPerSecond === undefined) ticksPerSecond = readAuxiliary(17) ?? 100
  return ticksPerSecond
}

function readAuxiliary(key: number): number | undefined {
  try {
    const vector = readFileSync('/proc/self/auxv')
    for (let at = 0; at + 16 <= vector.length; at += 16) {
      if (vector.readBigUInt64LE(at) === BigInt(key)) return Number(vector.readBigUInt64LE(at + 8))
    }
  } catch {
    return undefined
  }
  return undefined
}
