import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a cgroup has counted so far, and is charged with now. */
export interface CgroupReading {
  readonly peakBytes: number | undefined
  readonly chargedBytes: number | undefined
  /** Of that, page cache that could be given back at once. */
  readonly inactiveCacheBytes: number
  readonly cacheBytes: number
  readonly cpuSeconds: number | undefined
  readonly throttledMs: number | undefined
  readonly oomKills: number
}

/** Where a node keeps its containers' cgroups. */
export interface CgroupFiles {
  readonly version: 1 | 2
  /** The containers of a Pod: their ids and, to read them, their folders. Empty before the kubelet has made them. */
  containersOf(podUid: string): ReadonlyMap<string, string>
  /** Undefined once it is gone. */
  read(folder: string): CgroupReading | undefined
}

/** Deeper than any kubelet puts them: the cgroups of all Pods may lie below others. */
const maxDepth = 4

/** Sandboxes and tasks of one Pod; more are not looked at. */
const maxContainers = 64

/**
 * Both drivers of the kubelet: `kubepods/burstable/podUID/ID`, and `kubepods.slice/…-podUID_WITH_.slice/RUNTIME-ID.scope`.
 * Source: kernel, admin-guide/cgroup-v2 and cgroup-v1/memory; kubelet, pkg/kubelet/cm/pod_container_manager_linux.go.
 */
export function cgroupFiles(root: string): CgroupFiles {
  const version = existsSync(join(root, 'cgroup.controllers')) ? 2 : 1
  const memoryRoot = version === 2 ? root : join(root, 'memory')
  const cpuRoot = () => ['cpu,cpuacct', 'cpuacct', 'cpu'].map((name) => join(root, name)).find(existsSync)
  let parents: readonly string[] = []

  /** Folders that hold those of Pods, one for each class of service. */
  function findParents(): readonly string[] {
    const tops = foldersBelow(memoryRoot, maxDepth)
    return tops.flatMap((top) => [
      top,
      ...foldersOf(top).filter((path) => /(burstable|besteffort)(\.slice)?$/.test(path)),
    ])
  }

  function podFolder(uid: string): string | undefined {
    const ending = new RegExp(`pod(${uid}|${uid.replaceAll('-', '_')})(\\.slice)?$`)
    for (const parent of parents) {
      const found = foldersOf(parent).find((path) => ending.test(path))
      if (found !== undefined) return found
    }
    return undefined
  }

  return {
    version,

    containersOf(podUid) {
      // A class of service has no folder before its first Pod.
      if (parents.length < 3) parents = findParents()
      const pod = podFolder(podUid)
      const found = new Map<string, string>()
      for (const folder of pod === undefined ? [] : foldersOf(pod)) {
        const id = /(?<!conmon-)\b([0-9a-f]{64})(\.scope)?$/.exec(folder)?.[1]
        if (id !== undefined && found.size < maxContainers) found.set(id, folder)
      }
      return found
    },

    read: (folder) =>
      version === 2
        ? readV2(folder)
        : readV1(folder, join(cpuRoot() ?? root, folder.slice(memoryRoot.length))),
  }
}

function readV2(folder: string): CgroupReading | undefined {
  const charged = numeric(read(join(folder, 'memory.current')))
  if (charged === undefined) return undefined
  const stat = read(join(folder, 'memory.stat'))
  const cpu = read(join(folder, 'cpu.stat'))
  const inactive = keyed(stat, 'inactive_file') ?? 0
  return {
    // Kernels before 5.19 keep no peak: then it is what was seen.
    peakBytes: numeric(read(join(folder, 'memory.peak'))) ?? charged,
    chargedBytes: charged,
    inactiveCacheBytes: inactive,
    cacheBytes: inactive + (keyed(stat, 'active_file') ?? 0),
    cpuSeconds: scaled(keyed(cpu, 'usage_usec'), 1e-6),
    throttledMs: scaled(keyed(cpu, 'throttled_usec'), 1e-3),
    oomKills: keyed(read(join(folder, 'memory.events')), 'oom_kill') ?? 0,
  }
}

function readV1(folder: string, cpuFolder: string): CgroupReading | undefined {
  const peakBytes = numeric(read(join(folder, 'memory.max_usage_in_bytes')))
  if (peakBytes === undefined) return undefined
  const stat = read(join(folder, 'memory.stat'))
  const inactive = keyed(stat, 'total_inactive_file') ?? 0
  const inCpu = (file: string) => read(join(cpuFolder, file))
  return {
    peakBytes,
    chargedBytes: numeric(read(join(folder, 'memory.usage_in_bytes'))),
    inactiveCacheBytes: inactive,
    cacheBytes: inactive + (keyed(stat, 'total_active_file') ?? 0),
    cpuSeconds: scaled(numeric(inCpu('cpuacct.usage')), 1e-9),
    throttledMs: scaled(keyed(inCpu('cpu.stat'), 'throttled_time'), 1e-6),
    oomKills: keyed(read(join(folder, 'memory.oom_control')), 'oom_kill') ?? 0,
  }
}

/** Those named kubepods, with whatever a node puts before it, and nothing below them. */
function foldersBelow(folder: string, depth: number): readonly string[] {
  return foldersOf(folder).flatMap((path) => {
    if (/kubepods(\.slice)?$/.test(path)) return [path]
    return depth > 1 ? foldersBelow(path, depth - 1) : []
  })
}

function foldersOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(folder, name))
  } catch {
    return []
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

const scaled = (value: number | undefined, factor: number) =>
  value === undefined ? undefined : value * factor

function numeric(text: string | undefined): number | undefined {
  const value = Number(text?.trim() || Number.NaN)
  return Number.isFinite(value) ? value : undefined
}

/** The value after `key` in a flat keyed file. */
function keyed(text: string | undefined, key: string): number | undefined {
  return numeric(new RegExp(`^${key} (\\d+)$`, 'm').exec(text ?? '')?.[1])
}
