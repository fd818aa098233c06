import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Files as the kernel shows them for one container. */
export interface ContainerFigures {
  readonly peakBytes: number
  readonly chargedBytes: number
  readonly inactiveCacheBytes?: number
  readonly cpuSeconds: number
  readonly oomKills?: number
}

/** A node's cgroups as files of a test: `driver` is the kubelet's, which names the folders. */
export function cgroupTree(root: string, version: 1 | 2, driver: 'cgroupfs' | 'systemd') {
  const put = (path: string, text: string) => {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, `${text}\n`)
  }
  if (version === 2) put(join(root, 'cgroup.controllers'), 'cpu memory')
  const folderOf = (uid: string, id: string) =>
    driver === 'cgroupfs'
      ? `kubepods/burstable/pod${uid}/${id}`
      : `kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid.replaceAll('-', '_')}.slice/cri-containerd-${id}.scope`
  return {
    write(uid: string, id: string, figures: ContainerFigures): void {
      const { peakBytes, chargedBytes, inactiveCacheBytes = 0, cpuSeconds, oomKills = 0 } = figures
      const folder = folderOf(uid, id)
      if (version === 2) {
        put(join(root, folder, 'memory.peak'), `${peakBytes}`)
        put(join(root, folder, 'memory.stat'), `anon 1\ninactive_file ${inactiveCacheBytes}\nactive_file 0`)
        put(join(root, folder, 'memory.events'), `low 0\noom ${oomKills}\noom_kill ${oomKills}`)
        put(join(root, folder, 'cpu.stat'), `usage_usec ${cpuSeconds * 1e6}\nthrottled_usec 2000`)
        put(join(root, folder, 'memory.current'), `${chargedBytes}`)
        return
      }
      const memory = join(root, 'memory', folder)
      const cpu = join(root, 'cpu,cpuacct', folder)
      put(join(memory, 'memory.usage_in_bytes'), `${chargedBytes}`)
      put(join(memory, 'memory.stat'), `total_inactive_file ${inactiveCacheBytes}\ntotal_active_file 0`)
      put(join(memory, 'memory.oom_control'), `oom_kill_disable 0\nunder_oom 0\noom_kill ${oomKills}`)
      put(join(cpu, 'cpuacct.usage'), `${cpuSeconds * 1e9}`)
      put(join(cpu, 'cpu.stat'), 'nr_throttled 1\nthrottled_time 2000000')
      put(join(memory, 'memory.max_usage_in_bytes'), `${peakBytes}`)
    },
    remove(uid: string, id: string): void {
      for (const top of version === 2 ? [root] : [join(root, 'memory'), join(root, 'cpu,cpuacct')]) {
        rmSync(join(top, folderOf(uid, id)), { recursive: true, force: true })
      }
    },
  }
}
