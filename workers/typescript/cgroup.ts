import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A cgroup of its own for one command. Whoever creates it closes it. */
export interface Cgroup {
  /** A process that writes 0 here joins. */
  readonly procsPath: string
  readonly version: 1 | 2
  usage(): CgroupUsage
  /** The kernel kills members above this; false where it cannot be set. */
  limitMemory(bytes: number): boolean
  /** Removes it; members that are still running move to the parent. */
  close(): void
}

export interface CgroupUsage {
  /** Peak of everything charged, page cache included. Upper bound of the need. */
  readonly peakBytes?: number | undefined
  /** Charged now and reclaimable: page cache. */
  readonly cacheBytes?: number | undefined
  /** Of all members, ended ones included. */
  readonly cpuSeconds?: number | undefined
  /** Processes killed for memory. */
  readonly oomKills: number
}

/**
 * Creates a cgroup for one command, v2 where its memory controller is delegated to us, else v1; undefined where
 * neither is writable. `parent` names the cgroup to create it in; by default our own, then that above it
 * where ours holds us to nothing.
 * Source: kernel, admin-guide/cgroup-v2 and cgroup-v1/memory.
 */
export function createCgroup(
  name: string,
  {
    versions,
    parent = process.env['FORESIZE_CGROUP_PARENT'],
  }: { readonly versions: readonly (1 | 2)[]; readonly parent?: string | undefined },
): Cgroup | undefined {
  if (process.platform !== 'linux') return undefined
  for (const folder of parent === undefined ? candidates() : [parent]) {
    const version = existsSync(join(folder, 'cgroup.controllers')) ? 2 : 1
    if (!versions.includes(version)) continue
    if (version === 2 && !read(join(folder, 'cgroup.subtree_control'))?.split(/\s+/).includes('memory'))
      continue
    try {
      accessSync(folder, constants.W_OK)
      const path = join(folder, `foresize-${name}`)
      mkdirSync(path)
      return version === 2 ? cgroupV2(path, folder) : cgroupV1(path, folder)
    } catch {}
  }
  return undefined
}

function* candidates(): Generator<string> {
  const memberships = parseMemberships(read('/proc/self/cgroup') ?? '')
  const root2 = '/sys/fs/cgroup'
  if (memberships.unified !== undefined && existsSync(join(root2, 'cgroup.controllers'))) {
    const own = join(root2, memberships.unified)
    yield own
    if (own !== root2 && !isLimited(own)) yield dirname(own)
  }
  if (memberships.memory !== undefined) {
    const root1 = '/sys/fs/cgroup/memory'
    const own = join(root1, memberships.memory)
    // In a container the path may be that of the host.
    yield existsSync(own) ? own : root1
  }
}

/** Whether a command that left a cgroup of v2 would escape what holds it there. */
function isLimited(folder: string): boolean {
  const cpu = read(join(folder, 'cpu.max')) ?? 'max'
  return numeric(read(join(folder, 'memory.max'))) !== undefined || !cpu.startsWith('max')
}

/** `/proc/self/cgroup`: the path in the unified hierarchy and, with v1, in that of the memory controller. */
export function parseMemberships(text: string): {
  unified?: string | undefined
  memory?: string | undefined
} {
  let unified: string | undefined
  let memory: string | undefined
  for (const line of text.split('\n')) {
    const [id, controllers = '', ...path] = line.split(':')
    if (id === '0' && controllers === '') unified = path.join(':')
    if (controllers.split(',').includes('memory')) memory = path.join(':')
  }
  return { unified, memory }
}

function cgroupV2(path: string, parent: string): Cgroup {
  return {
    procsPath: join(path, 'cgroup.procs'),
    version: 2,
    usage() {
      const stat = read(join(path, 'memory.stat')) ?? ''
      const cpuMicroseconds = keyed(read(join(path, 'cpu.stat')) ?? '', 'usage_usec')
      return {
        peakBytes: numeric(read(join(path, 'memory.peak'))),
        cacheBytes: (keyed(stat, 'active_file') ?? 0) + (keyed(stat, 'inactive_file') ?? 0),
        cpuSeconds: cpuMicroseconds === undefined ? undefined : cpuMicroseconds / 1e6,
        oomKills: keyed(read(join(path, 'memory.events')) ?? '', 'oom_kill') ?? 0,
      }
    },
    limitMemory: (bytes) =>
      write(join(path, 'memory.max'), bytes) && (write(join(path, 'memory.swap.max'), 0) || true),
    close: () => remove(path, parent),
  }
}

function cgroupV1(path: string, parent: string): Cgroup {
  return {
    procsPath: join(path, 'cgroup.procs'),
    version: 1,
    usage() {
      const stat = read(join(path, 'memory.stat')) ?? ''
      return {
        peakBytes: numeric(read(join(path, 'memory.max_usage_in_bytes'))),
        cacheBytes: (keyed(stat, 'total_active_file') ?? 0) + (keyed(stat, 'total_inactive_file') ?? 0),
        oomKills: keyed(read(join(path, 'memory.oom_control')) ?? '', 'oom_kill') ?? 0,
      }
    },
    limitMemory(bytes) {
      if (!write(join(path, 'memory.limit_in_bytes'), bytes)) return false
      write(join(path, 'memory.memsw.limit_in_bytes'), bytes)
      return true
    },
    close: () => remove(path, parent),
  }
}

function remove(path: string, parent: string): void {
  for (const pid of (read(join(path, 'cgroup.procs')) ?? '').split('\n')) {
    if (pid !== '') write(join(parent, 'cgroup.procs'), Number(pid))
  }
  try {
    rmdirSync(path)
  } catch {}
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function write(path: string, value: number): boolean {
  try {
    writeFileSync(path, String(Math.floor(value)))
    return true
  } catch {
    return false
  }
}

function numeric(text: string | undefined): number | undefined {
  const value = Number(text?.trim() || Number.NaN)
  return Number.isFinite(value) ? value : undefined
}

/** The value after `key` in a flat keyed file. */
function keyed(text: string, key: string): number | undefined {
  for (const line of text.split('\n')) {
    if (line.startsWith(`${key} `)) return numeric(line.slice(key.length + 1))
  }
  return undefined
}
