import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../../shared/runtime/log.ts'
import { turn } from '../../../shared/runtime/turns.ts'
import { openCheckpoint, openVersion, sealCheckpoint } from '../checkpoint.ts'
import { DamagedRecord } from '../envelope.ts'
import type { SessionPart, StoredSession } from '../store.ts'
import { appendDurably, entriesOf, temporaryPrefix, writeDurably } from './durable-files.ts'
import { toFileName } from './file-name.ts'
import type { SessionWrite } from './local-store.ts'

/** Sessions in a folder, each in a file to which every write of it is added. */
export interface SessionJournals {
  load(): AsyncIterable<readonly [id: string, session: StoredSession]>
  /** Law: what was given is on the disk once this resolves, each write whole or not at all. */
  write(writes: readonly SessionWrite[]): Promise<void>
}

/** A journal is written anew once it is longer than twice what it was then, and so much. */
const slackBytes = 64 * 1024

const extension = '.journal'
/** A session as an earlier program wrote it, whole. */
const wholeExtension = '.session'

/** One write in a journal: its length, u32 little endian, and the sealed checkpoint. */
const frameBytes = 4

export function sessionJournals(
  folder: string,
  putAside: (path: string) => Promise<void>,
  log: Log,
): SessionJournals {
  /** Journals whose end is known to be whole: those that this process has written. */
  const lengths = new Map<string, { bytes: number; readonly bytesAnew: number }>()
  /** Sessions that lie as an earlier program wrote them. */
  const whole = new Set<string>()

  const pathOf = (id: string, suffix = extension) => join(folder, `${toFileName(id)}${suffix}`)

  function mayAppend(id: string, bytes: number): boolean {
    const length = lengths.get(id)
    return length !== undefined && length.bytes + bytes <= 2 * length.bytesAnew + slackBytes
  }

  async function readable<T>(
    path: string,
    read: (content: Buffer) => T | Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await read(await readFile(path))
    } catch (error) {
      if (!(error instanceof DamagedRecord)) throw error
      log.error({ err: error, path }, 'a damaged session was put aside')
      await putAside(path)
      return undefined
    }
  }

  async function readJournal(content: Buffer, path: string) {
    const parts = new Map<string, SessionPart>()
    let last: ReturnType<typeof openCheckpoint> | undefined
    for (const frame of framesOf(content)) {
      if (turn.isOver()) await turn.rest()
      let checkpoint: ReturnType<typeof openCheckpoint>
      try {
        checkpoint = openCheckpoint(frame.content)
      } catch (error) {
        if (!(error instanceof DamagedRecord && frame.isLast)) throw error
        log.warn({ path }, 'the last write of a session was cut short by a crash')
        break
      }
      for (const [name, part] of checkpoint.parts) {
        if (part) parts.set(name, part)
        else parts.delete(name)
      }
      last = checkpoint
    }
    if (last === undefined) throw new DamagedRecord('the session is torn')
    const { id, version, owner, dueUnixMs } = last
    return { id, session: { version, owner, dueUnixMs, parts } }
  }

  return {
    async *load() {
      const files = await entriesOf(folder)
      const journals = new Set<string>()
      for (const file of files) {
        const path = join(folder, file)
        if (file.startsWith(temporaryPrefix)) await rm(path, { force: true })
        if (file.startsWith(temporaryPrefix) || !file.endsWith(extension)) continue
        const found = await readable(path, (content) => readJournal(content, path))
        if (found === undefined) continue
        journals.add(found.id)
        yield [found.id, found.session]
      }
      for (const file of files) {
        if (file.startsWith(temporaryPrefix) || !file.endsWith(wholeExtension)) continue
        const path = join(folder, file)
        const found = await readable(path, readWhole)
        if (found === undefined) continue
        if (journals.has(found.id)) await rm(path, { force: true })
        else {
          whole.add(found.id)
          yield [found.id, found.session]
        }
      }
    },
    async write(writes) {
      const appended: (readonly [string, Buffer])[] = []
      const anew: (readonly [string, Buffer | undefined])[] = []
      const after = new Map<string, { bytes: number; bytesAnew: number } | undefined>()
      for (const { id, before, checkpoint } of writes) {
        if (turn.isOver()) await turn.rest()
        const frame = checkpoint && frameOf(id, checkpoint)
        const length = lengths.get(id)
        if (frame && length && mayAppend(id, frame.length)) {
          appended.push([pathOf(id), frame])
          after.set(id, { ...length, bytes: length.bytes + frame.length })
        } else {
          const content = frame && (before ? Buffer.concat([frameOf(id, before), frame]) : frame)
          anew.push([pathOf(id), content])
          after.set(id, content && { bytes: content.length, bytesAnew: content.length })
        }
        // Should this fail, nobody knows how a journal ends: it is written anew next time.
        lengths.delete(id)
      }
      await appendDurably(appended)
      await writeDurably(anew)
      for (const [id, length] of after) if (length) lengths.set(id, length)
      const left = writes.filter(({ id }) => whole.has(id)).map(({ id }) => id)
      await writeDurably(left.map((id) => [pathOf(id, wholeExtension), undefined]))
      for (const id of left) whole.delete(id)
    },
  }
}

function frameOf(id: string, checkpoint: Parameters<typeof sealCheckpoint>[1]): Buffer {
  const sealed = sealCheckpoint(id, checkpoint)
  const frame = Buffer.allocUnsafe(frameBytes + sealed.length)
  frame.writeUInt32LE(sealed.length, 0)
  frame.set(sealed, frameBytes)
  return frame
}

/** The last one may be cut short, or not be there at all but for its length. */
function* framesOf(content: Buffer): Iterable<{ readonly content: Buffer; readonly isLast: boolean }> {
  for (let at = 0; at < content.length; ) {
    const end = at + frameBytes > content.length ? content.length : at + frameBytes + content.readUInt32LE(at)
    yield { content: content.subarray(at + frameBytes, end), isLast: end >= content.length }
    at = end
  }
}

function readWhole(content: Buffer): { readonly id: string; readonly session: StoredSession } {
  if (content.length < 2) throw new DamagedRecord('the session is torn')
  const end = 2 + content.readUInt16LE(0)
  return { id: content.subarray(2, end).toString(), session: openVersion(content.subarray(end)) }
}
