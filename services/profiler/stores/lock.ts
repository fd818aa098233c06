import { randomUUID } from 'node:crypto'
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ForesizeError } from '../../../shared/domain/errors.ts'

/** A holder on another host is believed dead when its lock was not touched for so long, nor while it is watched. */
const staleMs = 15_000
const touchMs = 3_000
const watchMs = 1.5 * touchMs

export interface DirectoryLock {
  release(): Promise<void>
}

/**
 * Holds a directory for one process. A holder on this host that is gone, kill -9 included, is replaced at once; one on
 * another host once it was silent for 15 s.
 * Throws: ForesizeError `unavailable` naming the holder.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = join(directory, 'lock')
  const mine = JSON.stringify({
    host: hostname(),
    pid: process.pid,
    started: await startOf(process.pid),
    token: randomUUID(),
  })
  const temporary = `${path}.${randomUUID()}`
  await writeFile(temporary, mine, { flag: 'wx' })
  try {
    if (!(await claim(temporary, path))) {
      await removeIfAbandoned(path, directory)
      if (!(await claim(temporary, path))) throw held(directory, 'another process that starts just now')
    }
  } finally {
    await rm(temporary, { force: true })
  }
  const timer = setInterval(() => {
    const now = new Date()
    utimes(path, now, now).catch(() => undefined)
  }, touchMs)
  timer.unref()
  return {
    async release() {
      clearInterval(timer)
      if ((await textOf(path)) === mine) await rm(path, { force: true })
    },
  }
}

/** Atomic: a hard link is made whole or not at all. */
async function claim(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

async function removeIfAbandoned(path: string, directory: string): Promise<void> {
  const text = await textOf(path)
  if (text === undefined) return
  const holder = parse(text)
  const alive = holder?.host === hostname() ? await isAlive(holder) : await isTouched(path)
  if (alive) throw held(directory, holder ? `process ${holder.pid} on ${holder.host}` : 'an unknown holder')
  const aside = `${path}.${randomUUID()}`
  await rename(path, aside).catch(() => undefined)
  // Somebody else may have claimed it between reading and renaming: what was taken away must be what was read.
  const taken = await textOf(aside)
  if (taken !== undefined && taken !== text) await link(aside, path).catch(() => undefined)
  await rm(aside, { force: true })
}

interface Holder {
  readonly host: string
  readonly pid: number
  readonly started: string
}

function parse(text: string): Holder | undefined {
  try {
    return JSON.parse(text) as Holder
  } catch {
    return undefined
  }
}

async function isAlive({ pid, started }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false
  }
  const now = await startOf(pid)
  if (pid === process.pid && started !== now) return false
  return now === '' || started === '' || now === started
}

/** Two hosts' clocks may differ by more than a lock's age: a lock that looks old is watched as well. */
async function isTouched(path: string): Promise<boolean> {
  const touched = await touchedMs(path)
  if (Date.now() - touched < staleMs) return true
  await sleep(watchMs)
  return (await touchedMs(path)) !== touched
}

/** Tells a process from a later one of the same number: clock ticks since boot, from Linux; empty elsewhere. */
async function startOf(pid: number): Promise<string> {
  const text = await textOf(`/proc/${pid}/stat`)
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

async function touchedMs(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs
  } catch {
    return 0
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    if (codeOf(error) === 'ESRCH') return undefined
    throw error
  }
}

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? error.code : undefined)

const held = (directory: string, holder: string) =>
  new ForesizeError('unavailable', `${directory} is in use by ${holder}`)
