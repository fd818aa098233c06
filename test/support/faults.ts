import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

export const faultCalls = ['write', 'fsync', 'rename'] as const
export type FaultCall = (typeof faultCalls)[number]

export interface Faults {
  /** Only files below it are harmed. */
  readonly folder: string
  /** kill -9 before or after the n-th call. */
  readonly kill?: { readonly when: 'before' | 'after'; readonly call: FaultCall; readonly nth: number }
  /** While this file exists the disk is full: writes fail. */
  readonly full?: string
  /** While this file exists the disk is said to have no space left. */
  readonly low?: string
  /** The wall clock is off by as many seconds as this file says. */
  readonly clock?: string
  /** An fsync takes so long at least. */
  readonly fsyncMs?: number
  /** A name is looked up for so many seconds, in vain. */
  readonly namesSeconds?: number
}

let library: Promise<string> | undefined

/** Environment of a process whose file system shall fail so. Linux; the library is compiled once a test run. */
export async function faultEnvironment({
  folder,
  kill,
  full,
  low,
  clock,
  fsyncMs,
  namesSeconds,
}: Faults): Promise<Readonly<Record<string, string>>> {
  library ??= compile()
  return {
    LD_PRELOAD: await library,
    FAULT_FOLDER: folder,
    ...(kill ? { FAULT_KILL: `${kill.when} ${kill.call} ${kill.nth}` } : {}),
    ...(full ? { FAULT_FULL: full } : {}),
    ...(low ? { FAULT_LOW: low } : {}),
    ...(clock ? { FAULT_CLOCK: clock } : {}),
    ...(fsyncMs ? { FAULT_FSYNC: `${fsyncMs}` } : {}),
    ...(namesSeconds ? { FAULT_NAMES: `${namesSeconds}` } : {}),
  }
}

/** Kept beside the installed tools, by the hash of its source. */
async function compile(): Promise<string> {
  const source = join(import.meta.dirname, 'faults.c')
  const hash = createHash('sha256')
    .update(await readFile(source))
    .digest('hex')
    .slice(0, 16)
  const folder = join(import.meta.dirname, '..', '..', '.foresize')
  const target = join(folder, `faults-${hash}.so`)
  if (existsSync(target)) return target
  await mkdir(folder, { recursive: true })
  const fresh = `${target}.${process.pid}`
  await promisify(execFile)('cc', ['-shared', '-fPIC', '-O1', '-o', fresh, source, '-ldl'])
  await rename(fresh, target)
  return target
}
