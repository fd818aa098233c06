import { randomUUID } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { makeFolder } from '../../shared/runtime/folder.ts'
import { UsageBatch } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { readStat } from './procfs.ts'

/**
 * Events on disk: frames of [length][crc32][UsageBatch], both numbers uint32 little-endian. A file belongs to one
 * process, which its name tells; that of a process that is gone is anyone's to take. What was appended survives the
 * process; with `fsync` it survives the machine.
 */
export interface Journal {
  append(events: Partial<UsageBatch>): void
  /** Bytes of all files of this journal. */
  size(): number
  /** Begins a new file; the number of the one before. */
  rotate(): number
  /** Deletes this file and those before it. */
  dropThrough(file: number): void
  close(): void
}

const suffix = '.journal'
const frameHeaderBytes = 8

/** Throws where the folder cannot be written. */
export function openJournal(folder: string, options: { readonly fsync?: boolean } = {}): Journal {
  makeFolder(folder)
  const files = new Map<number, { readonly path: string; bytes: number }>()
  let number = 0
  let descriptor = open()

  function open(): number {
    number++
    const path = join(folder, newName())
    files.set(number, { path, bytes: 0 })
    return openSync(path, 'ax', 0o600)
  }

  return {
    append(events) {
      const payload = UsageBatch.encode({
        sequence: 0,
        starts: [],
        samples: [],
        ends: [],
        ...events,
      }).finish()
      const frame = Buffer.allocUnsafe(frameHeaderBytes + payload.length)
      frame.writeUInt32LE(payload.length, 0)
      frame.writeUInt32LE(crc32(payload), 4)
      frame.set(payload, frameHeaderBytes)
      writeSync(descriptor, frame)
      if (options.fsync === true) fsyncSync(descriptor)
      const file = files.get(number)
      if (file !== undefined) file.bytes += frame.length
    },
    size: () => [...files.values()].reduce((sum, { bytes }) => sum + bytes, 0),
    rotate() {
      const before = number
      closeSync(descriptor)
      descriptor = open()
      return before
    },
    dropThrough(last) {
      for (const [each, { path }] of files) {
        if (each > last) continue
        rmSync(path, { force: true })
        files.delete(each)
      }
    },
    close: () => closeSync(descriptor),
  }
}

export interface RecoveredJournal {
  readonly batches: readonly UsageBatch[]
  /** The file ends in a frame that was not written whole, or was damaged later. */
  readonly isDamaged: boolean
  /** Deletes the file: call it once the batches are in a journal of one's own. */
  discard(): void
}

/** One file that a process that is gone has left in the folder, the oldest. Each is taken by one process only. */
export function recoverJournal(folder: string): RecoveredJournal | undefined {
  for (const name of listJournals(folder)) {
    if (isOwnerAlive(name)) continue
    const mine = join(folder, newName())
    try {
      renameSync(join(folder, name), mine)
    } catch {
      continue
    }
    return { ...readFrames(readFileSync(mine)), discard: () => rmSync(mine, { force: true }) }
  }
  return undefined
}

/** Frames up to the first that is not whole. */
export function readFrames(bytes: Buffer): {
  readonly batches: readonly UsageBatch[]
  readonly isDamaged: boolean
} {
  const batches: UsageBatch[] = []
  let at = 0
  while (at + frameHeaderBytes <= bytes.length) {
    const end = at + frameHeaderBytes + bytes.readUInt32LE(at)
    if (end > bytes.length) break
    const payload = bytes.subarray(at + frameHeaderBytes, end)
    if (crc32(payload) !== bytes.readUInt32LE(at + 4)) break
    try {
      batches.push(UsageBatch.decode(payload))
    } catch {
      break
    }
    at = end
  }
  return { batches, isDamaged: at !== bytes.length }
}

function listJournals(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(suffix))
      .sort()
  } catch {
    return []
  }
}

let fileCount = 0

/** Sorts by age within one process; pid and start time say whose it is. */
function newName(): string {
  const start = readStat(process.pid)?.startTicks ?? 0
  const age = `${Date.now()}-${String(fileCount++).padStart(6, '0')}`
  return `${age}-${process.pid}-${start}-${randomUUID().slice(0, 8)}${suffix}`
}

function isOwnerAlive(name: string): boolean {
  const [, , pid, start] = name.split('-').map(Number)
  if (pid === undefined || !Number.isInteger(pid)) return false
  const stat = readStat(pid)
  if (stat !== undefined) return stat.startTicks === start && !stat.isZombie
  if (process.platform === 'linux') return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
