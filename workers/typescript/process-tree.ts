import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { clockTicksPerSecond, listPids, readMemory, readPss, readStat } from './procfs.ts'

/** What a tree of processes uses at one moment. */
export interface TreeUsage {
  /** CPU time so far of the whole tree, ended and waited-for members included. Never falls. */
  readonly cpuSeconds: number
  /** Resident memory now; pages that members share count once where the kernel tells. Absent where no member holds any. */
  readonly memoryBytes?: number
  /** Lower bound of the tree's peak so far: at least the highest peak of any member. Absent until one was seen. */
  readonly peakMemoryBytes?: number
  readonly processes: number
}

export interface TreeReader {
  /** Undefined once no member is left. */
  read(): Promise<TreeUsage | undefined>
  /** Members of the last reading, a launcher left out. */
  pids(): readonly number[]
}

export interface TreeOptions {
  /** The root is a launcher: count the CPU time of what it waited for, but not its memory. */
  readonly isLauncher?: boolean
}

/** Reads the tree under `rootPid`, from /proc on Linux, else from `ps`. */
export function treeReader(rootPid: number, options: TreeOptions = {}): TreeReader {
  return process.platform === 'linux' ? procTreeReader(rootPid, options) : psTreeReader(rootPid, options)
}

/** Reads between two full scans of /proc: a pid that was foreign may have been given to a member meanwhile. */
const readsPerFullScan = 16

function procTreeReader(rootPid: number, options: TreeOptions): TreeReader {
  const members = new Map<number, number>()
  const foreign = new Set<number>()
  let reads = 0
  let cpuSeconds = 0
  let peakMemoryBytes = 0

  /** Adds new members, and forgets those that are gone or whose pid belongs to another by now. */
  function discover(): void {
    if (reads++ % readsPerFullScan === 0) foreign.clear()
    const unknown = new Map<number, { parentPid: number; startTicks: number }>()
    for (const pid of listPids()) {
      if (members.has(pid) || foreign.has(pid)) continue
      const stat = readStat(pid)
      if (stat === undefined) continue
      if (pid === rootPid) members.set(pid, stat.startTicks)
      else unknown.set(pid, stat)
    }
    for (let grew = true; grew; ) {
      grew = false
      for (const [pid, { parentPid, startTicks }] of unknown) {
        if (!members.has(parentPid)) continue
        members.set(pid, startTicks)
        unknown.delete(pid)
        grew = true
      }
    }
    for (const pid of unknown.keys()) foreign.add(pid)
  }

  return {
    pids: () => [...members.keys()].filter((pid) => pid !== rootPid || !options.isLauncher),
    async read() {
      discover()
      const ticksPerSecond = clockTicksPerSecond()
      const memory: { pid: number; residentBytes: number; peakBytes: number }[] = []
      let ticks = 0
      let alive = 0
      for (const [pid, startTicks] of members) {
        const stat = readStat(pid)
        if (stat === undefined || stat.startTicks !== startTicks) {
          members.delete(pid)
          continue
        }
        ticks += stat.cpuTicks
        if (stat.isZombie || (pid === rootPid && options.isLauncher)) continue
        alive++
        const held = readMemory(pid)
        if (held !== undefined && held.residentBytes > 0) memory.push({ pid, ...held })
      }
      if (members.size === 0) return undefined
      cpuSeconds = Math.max(cpuSeconds, ticks / ticksPerSecond)
      const [only] = memory
      const memoryBytes =
        memory.length === 1 && only !== undefined
          ? only.residentBytes
          : memory.reduce((sum, { pid, residentBytes }) => sum + (readPss(pid) ?? residentBytes), 0)
      peakMemoryBytes = memory.reduce((peak, { peakBytes }) => Math.max(peak, peakBytes), peakMemoryBytes)
      peakMemoryBytes = Math.max(peakMemoryBytes, memoryBytes)
      return { cpuSeconds, ...memoryOf(memoryBytes, peakMemoryBytes), processes: alive }
    },
  }
}

/** A process that has ended and is not yet waited for holds nothing: that is no measurement of what it held. */
const memoryOf = (memoryBytes: number, peakMemoryBytes: number) => ({
  ...(memoryBytes > 0 ? { memoryBytes } : {}),
  ...(peakMemoryBytes > 0 ? { peakMemoryBytes } : {}),
})

const run = promisify(execFile)

/** Where there is no /proc: coarser, shared pages count in each member, ended members are lost from the CPU time. */
function psTreeReader(rootPid: number, options: TreeOptions): TreeReader {
  let cpuSeconds = 0
  let peakMemoryBytes = 0
  let pids: readonly number[] = []
  return {
    pids: () => pids,
    async read() {
      const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=,rss=,time='])
      const rows = parsePs(stdout)
      const members = new Set([rootPid])
      for (let size = 0; size !== members.size; ) {
        size = members.size
        for (const row of rows) if (members.has(row.parentPid)) members.add(row.pid)
      }
      const tree = rows.filter(({ pid }) => members.has(pid))
      if (tree.length === 0) return undefined
      const workers = tree.filter(({ pid }) => pid !== rootPid || options.isLauncher !== true)
      pids = workers.map(({ pid }) => pid)
      const memoryBytes = workers.reduce((sum, { residentBytes }) => sum + residentBytes, 0)
      cpuSeconds = Math.max(
        cpuSeconds,
        workers.reduce((sum, row) => sum + row.cpuSeconds, 0),
      )
      peakMemoryBytes = Math.max(peakMemoryBytes, memoryBytes)
      return { cpuSeconds, ...memoryOf(memoryBytes, peakMemoryBytes), processes: workers.length }
    },
  }
}

export interface PsRow {
  readonly pid: number
  readonly parentPid: number
  readonly residentBytes: number
  readonly cpuSeconds: number
}

/** Output of `ps -o pid=,ppid=,rss=,time=`; time is [[days-]hours:]minutes:seconds, with a fraction on macOS. */
export function parsePs(text: string): PsRow[] {
  const rows: PsRow[] = []
  for (const line of text.split('\n')) {
    const [pid, parentPid, kibibytes, time] = line.trim().split(/\s+/)
    if (pid === undefined || parentPid === undefined || kibibytes === undefined || time === undefined)
      continue
    const [days, clock] = time.includes('-') ? time.split('-') : ['0', time]
    const seconds = (clock ?? '').split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
    const row = {
      pid: Number(pid),
      parentPid: Number(parentPid),
      residentBytes: Number(kibibytes) * 1024,
      cpuSeconds: Number(days) * 86_400 + seconds,
    }
    if (Object.values(row).every(Number.isFinite)) rows.push(row)
  }
  return rows
}
