import { randomUUID } from 'node:crypto'
import { constants, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Leftovers of a crash begin so; whoever finds one may remove it. */
export const temporaryPrefix = '.tmp-'

/** Files at work at once. */
const parallel = 16

/** Content by path; undefined removes. */
export type FileWrite = readonly [path: string, content: Uint8Array | string | undefined]

/**
 * Writes files so that each is old or new after a crash at any moment, and new once this resolves: temporary, fsync,
 * rename, fsync of the folder.
 */
export async function writeDurably(writes: readonly FileWrite[]): Promise<void> {
  const folders = [...new Set(writes.map(([path]) => dirname(path)))]
  for (const folder of folders) await makeFolder(folder)
  await inParallel(writes, async ([path, content]) => {
    if (content === undefined) await rm(path, { force: true })
    else await replace(path, content)
  })
  await inParallel(folders, syncFolder)
}

/** Adds to the ends of files. A crash leaves of each a beginning, which may be all; once this resolves it is all. */
export async function appendDurably(
  writes: readonly (readonly [path: string, content: Uint8Array])[],
): Promise<void> {
  await inParallel(writes, async ([path, content]) => {
    const file = await open(path, constants.O_WRONLY | constants.O_APPEND)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
  })
}

/** Moves a file to a folder where nothing has its name. */
export async function moveDurably(path: string, target: string): Promise<void> {
  await makeFolder(dirname(target))
  await rename(path, target)
  await syncFolder(dirname(target))
  await syncFolder(dirname(path))
}

async function replace(path: string, content: Uint8Array | string): Promise<void> {
  const temporary = join(dirname(path), `${temporaryPrefix}${randomUUID()}`)
  try {
    const file = await open(temporary, 'wx')
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true })
  if (first === undefined) return
  // Each folder that is new is an entry of its parent, and that is what has to be synced.
  for (let at = folder; at.length >= first.length; at = dirname(at)) await syncFolder(dirname(at))
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function inParallel<T>(items: readonly T[], action: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < items.length) {
      const item = items[next] as T
      next += 1
      await action(item)
    }
  }
  const results = await Promise.allSettled(Array.from({ length: Math.min(parallel, items.length) }, worker))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

/** Names in a folder; none where there is no folder. */
export async function entriesOf(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}
