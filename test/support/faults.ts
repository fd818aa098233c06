import { execFile } from 'node:child_process'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

export const faultCalls = ['write', 'fsync', 'rename'] as const
export type FaultCall = (typeof faultCalls)[number]

export interface Faults {
  /** Only files below it are harmed. */
  readonly folder: string
  /** kill -9 before or after the n-th call. */
  readonly kill?: { readonly when: 'before' | 'after'; readonly call: FaultCall; readonly nth: number }
  /** While this file exists the disk is full. */
  readonly full?: string
}

let library: Promise<string> | undefined

/** Environment of a process whose file system shall fail so. Linux; the library is compiled once a test run. */
export async function faultEnvironment({
  folder,
  kill,
  full,
}: Faults): Promise<Readonly<Record<string, string>>> {
  library ??= compile()
  return {
    LD_PRELOAD: await library,
    FAULT_FOLDER: folder,
    ...(kill ? { FAULT_KILL: `${kill.when} ${kill.call} ${kill.nth}` } : {}),
    ...(full ? { FAULT_FULL: full } : {}),
  }
}

async function compile(): Promise<string> {
  const target = join(await mkdtemp(join(tmpdir(), 'foresize-faults-')), 'faults.so')
  const source = join(import.meta.dirname, 'faults.c')
  await promisify(execFile)('cc', ['-shared', '-fPIC', '-O1', '-o', target, source, '-ldl'])
  return target
}
