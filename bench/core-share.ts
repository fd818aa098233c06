import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Holds each of some processes to a part of a core, so that as many run beside one another as on a larger machine. All that
 * are named here go before whatever else the machine does.
 */
export interface CoreShares {
  limit(pid: number, share: number): void
  /** Without a limit: what brings the load. */
  prefer(pid: number): void
  /** All are as they were. */
  close(): void
}

/** Long enough that caches are warm for most of a turn. */
const periodMicroseconds = 100_000
/** 1024 is what others have. */
const preferredWeight = 16_384
const parent = '/sys/fs/cgroup/cpu'

/** By the cpu controller of cgroup v1, as root: throws where there is none. */
export function coreShares(): CoreShares {
  const made: string[] = []

  function put(pid: number, settings: Readonly<Record<string, number>>): void {
    const folder = join(parent, `foresize-bench-${process.pid}-${made.length}`)
    mkdirSync(folder)
    made.push(folder)
    for (const [name, value] of Object.entries({ ...settings, 'cgroup.procs': pid })) {
      writeFileSync(join(folder, name), String(value))
    }
  }

  return {
    limit: (pid, share) =>
      put(pid, {
        'cpu.shares': preferredWeight,
        'cpu.cfs_period_us': periodMicroseconds,
        'cpu.cfs_quota_us': Math.round(share * periodMicroseconds),
      }),
    prefer: (pid) => put(pid, { 'cpu.shares': preferredWeight }),
    close() {
      for (const folder of made.splice(0)) {
        const pids = readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)
        for (const pid of pids) writeFileSync(join(parent, 'cgroup.procs'), pid)
        rmdirSync(folder)
      }
    },
  }
}
