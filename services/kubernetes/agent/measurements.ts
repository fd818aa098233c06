import type { RunUsage } from '../domain/execution-of-run.ts'
import type { CgroupFiles, CgroupReading, PodCgroups } from './cgroup-files.ts'

/** Reads the cgroups of Pods again and again, and keeps what each container needed. */
export interface Measurements {
  /** From the moment that the Pod is bound to the node: a container may be gone before the API tells of it. */
  add(podUid: string): void
  /** Once the container of the task is known no other is read. */
  keepOnly(podUid: string, containerId: string): void
  /** Of a container that has ended, after one more reading where its cgroup still is there. Then it is forgotten. */
  usageOf(podUid: string, containerId: string): RunUsage | undefined
  remove(podUid: string): void
  /** Reads what is due. */
  sweep(nowMs: number): void
  containers(): number
}

interface Container {
  readonly folder: string
  latest: CgroupReading
  /** Highest of what was charged without inactive page cache, as the kubelet counts before it evicts. */
  workingSetBytes: number
}

interface Pod {
  /** Since it was bound, then since its container was heard of. */
  sinceMs: number
  dueMs: number
  containerId: string | undefined
  readonly containers: Map<string, Container>
}

/** A young container is read after this part of its age: one that ends soon was read shortly before. */
const ageShare = 1 / 4

/** Longest wait while the task's container is not known: its image is pulled, or it waits to be started again. */
const searchIntervalMs = 500

export function measurements(
  files: CgroupFiles,
  sampleIntervalMs: number,
  nowMs: () => number,
): Measurements {
  const pods = new Map<string, Pod>()

  function sample(uid: string, pod: Pod, cgroups: PodCgroups): void {
    const { containers, containerId } = pod
    if (containerId === undefined || !containers.has(containerId)) {
      for (const [id, folder] of cgroups.containersOf(uid)) {
        if (containers.has(id) || (containerId !== undefined && id !== containerId)) continue
        const reading = files.read(folder)
        if (reading) containers.set(id, { folder, latest: reading, workingSetBytes: workingSetOf(reading) })
      }
    }
    for (const [id, container] of containers) {
      const reading = files.read(container.folder)
      if (reading === undefined) {
        // It has ended: the next one is looked for before the API tells of it.
        if (id === containerId) pod.containerId = undefined
        continue
      }
      container.latest = reading
      container.workingSetBytes = Math.max(container.workingSetBytes, workingSetOf(reading))
    }
  }

  return {
    add(podUid) {
      if (pods.has(podUid)) return
      pods.set(podUid, { sinceMs: nowMs(), dueMs: 0, containerId: undefined, containers: new Map() })
    },
    keepOnly(podUid, containerId) {
      const pod = pods.get(podUid)
      if (pod === undefined || pod.containerId === containerId) return
      pod.containerId = containerId
      pod.sinceMs = nowMs()
    },
    usageOf(podUid, containerId) {
      const pod = pods.get(podUid)
      if (pod === undefined) return undefined
      sample(podUid, pod, files.look())
      const container = pod.containers.get(containerId)
      pod.containers.delete(containerId)
      return container && usageIn(container)
    },
    remove: (podUid) => void pods.delete(podUid),
    sweep(now) {
      const cgroups = files.look()
      for (const [uid, pod] of pods) {
        if (now < pod.dueMs) continue
        sample(uid, pod, cgroups)
        for (const id of pod.containers.keys()) {
          if (pod.containerId !== undefined && id !== pod.containerId) pod.containers.delete(id)
        }
        const longestMs = pod.containerId === undefined ? searchIntervalMs : sampleIntervalMs
        pod.dueMs = now + Math.min(longestMs, (now - pod.sinceMs) * ageShare)
      }
    },
    containers: () => [...pods.values()].reduce((sum, { containers }) => sum + containers.size, 0),
  }
}

const workingSetOf = ({ chargedBytes = 0, inactiveCacheBytes }: CgroupReading) =>
  Math.max(0, chargedBytes - inactiveCacheBytes)

function usageIn({ latest, workingSetBytes }: Container): RunUsage {
  const { peakBytes, cacheBytes, cpuSeconds, throttledMs, oomKills } = latest
  return {
    peakBytes,
    neededBytes:
      peakBytes === undefined
        ? undefined
        : Math.min(peakBytes, Math.max(peakBytes - cacheBytes, workingSetBytes)),
    cpuSeconds,
    throttledMs,
    oomKills,
  }
}
