import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface SmallCgroup {
  /** A process that writes its id here joins: /dev/null where no cgroup may be made. */
  readonly procs: string
  readonly isLimited: boolean
  close(): void
}

/** A cgroup that may hold so much, v2 or v1, where this machine lets one be made. */
export function smallCgroup(name: string, bytes = 64 * 2 ** 20): SmallCgroup {
  const isV2 = existsSync('/sys/fs/cgroup/cgroup.controllers')
  const folder = join(
    isV2 ? '/sys/fs/cgroup' : '/sys/fs/cgroup/memory',
    `foresize-test-${name}-${process.pid}`,
  )
  const close = () => {
    try {
      rmdirSync(folder)
    } catch {}
  }
  try {
    mkdirSync(folder)
    writeFileSync(join(folder, isV2 ? 'memory.max' : 'memory.limit_in_bytes'), String(bytes))
    return { procs: join(folder, 'cgroup.procs'), isLimited: true, close }
  } catch {
    close()
    return { procs: '/dev/null', isLimited: false, close: () => undefined }
  }
}
