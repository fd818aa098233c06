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
  /** Pods as they are now, listed once, when the first is looked for: a node may have hundreds. */
  look(): PodCgroups
  /** Undefined once it is gone. */
  read(folder: string): CgroupReading | undefined
}

export interface PodCgroups {
  /** The containers of a Pod: their ids and, to read them, their folders. Empty before the kubelet has made them. */
  containersOf(podUid: string): ReadonlyMap<string, string>
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
  let cpuRoot: string | undefined
  /** Found once: the folders that those of Pods and of their classes of service are in. */
  let tops: readonly string[] = []

  /** By UID. Names of the systemd driver have `_` for `-`. */
  function podFolders(): ReadonlyMap<string, string> {
    if (tops.length === 0) tops = foldersBelow(memoryRoot, maxDepth)
    const found = new Map<string, string>()
    for (const top of tops) {
      for (const path of foldersOf(top)) {
        const isClass = /(burstable|besteffort)(\.slice)?$/.test(path)
        for (const folder of isClass ? foldersOf(path) : [path]) {
          const uid = /(?:\/|-)pod([0-9a-f_-]+)(?:\.slice)?$/.exec(folder)?.[1]
          if (uid !== undefined) found.set(uid.replaceAll('_', '-'), folder)
        }
      }
    }
    return found
  }

  function inCpu(folder: string): string {
    cpuRoot ??= ['cpu,cpuacct', 'cpuacct', 'cpu'].map((name) => join(root, name)).find(existsSync)
    return `${cpuRoot ?? root}${folder.slice(memoryRoot.length)}`
  }

  return {
    version,

    look() {
      let pods: ReadonlyMap<string, string> | undefined
      return {
        containersOf(podUid) {
          pods ??= podFolders()
          const pod = pods.get(podUid)
          const found = new Map<string, string>()
          for (const folder of pod === undefined ? [] : foldersOf(pod)) {
            const id = /(?<!conmon-)\b([0-9a-f]{64})(\.scope)?$/.exec(folder)?.[1]
            if (id !== undefined && found.size < maxContainers) found.set(id, folder)
          }
          return found
        },
      }
    },

    read: (folder) => (version === 2 ? readV2(folder) : readV1(folder, inCpu(folder))),
  }
}

// Paths by templates: `join` looks at each character, some hundred thousand of them a second.
function readV2(folder: string): CgroupReading | undefined {
  const charged = numeric(read(`${folder}/memory.current`))
  if (charged === undefined) return undefined
  const stat = read(`${folder}/memory.stat`)
  const cpu = read(`${folder}/cpu.stat`)
  const inactive = keyed(stat, 'inactive_file') ?? 0
  return {
    // Kernels before 5.19 keep no peak: then it is what was seen.
    peakBytes: numeric(read(`${folder}/memory.peak`)) ?? charged,
    chargedBytes: charged,
    inactiveCacheBytes: inactive,
    cacheBytes: inactive + (keyed(stat, 'active_file') ?? 0),
    cpuSeconds: scaled(keyed(cpu, 'usage_usec'), 1e-6),
    throttledMs: scaled(keyed(cpu, 'throttled_usec'), 1e-3),
    oomKills: keyed(read(`${folder}/memory.events`), 'oom_kill') ?? 0,
  }
}

function readV1(folder: string, cpuFolder: string): CgroupReading | undefined {
  const peakBytes = numeric(read(`${folder}/memory.max_usage_in_bytes`))
  if (peakBytes === undefined) return undefined
  const stat = read(`${folder}/memory.stat`)
  const inactive = keyed(stat, 'total_inactive_file') ?? 0
  const inCpu = (file: string) => read(`${cpuFolder}/${file}`)
  return {
    peakBytes,
    chargedBytes: numeric(read(`${folder}/memory.usage_in_bytes`)),
    inactiveCacheBytes: inactive,
    cacheBytes: inactive + (keyed(stat, 'total_active_file') ?? 0),
    cpuSeconds: scaled(numeric(inCpu('cpuacct.usage')), 1e-9),
    throttledMs: scaled(keyed(inCpu('cpu.stat'), 'throttled_time'), 1e-6),
    oomKills: keyed(read(`${folder}/memory.oom_control`), 'oom_kill') ?? 0,
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
      .map(({ name }) => `${folder}/${name}`)
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
  const at = `\n${text}`.indexOf(`\n${key} `)
  return at < 0 || text === undefined ? undefined : numeric(text.slice(at + key.length + 1).split('\n', 1)[0])
}
