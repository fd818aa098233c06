import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lockDirectory } from '../../../../services/profiler/stores/lock.ts'
import { temporaryDirectory } from '../../../support/temporary-directory.ts'

let folder: string
beforeEach(async () => {
  folder = await temporaryDirectory()
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const held = expect.objectContaining({ failure: 'unavailable' })

test('a directory has one holder, who is named; released, it has another', async () => {
  const first = await lockDirectory(folder)
  await expect(lockDirectory(folder)).rejects.toThrow(held)
  await expect(lockDirectory(folder)).rejects.toThrow(`process ${process.pid} on ${hostname()}`)
  await first.release()
  const second = await lockDirectory(folder)
  await second.release()
  expect(await readdir(folder)).toEqual([])
})

test('of many who come at once, one gets it', async () => {
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => lockDirectory(folder)))
  const locks = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  expect(locks).toHaveLength(1)
  await locks[0]?.release()
})

test('a holder that was killed is replaced at once', async () => {
  const module = join(import.meta.dirname, '../../../../services/profiler/stores/lock.ts')
  const script = `const { lockDirectory } = await import(${JSON.stringify(module)}); await lockDirectory(${JSON.stringify(folder)}); console.log('held'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  await expect(lockDirectory(folder)).rejects.toThrow(`process ${child.pid}`)
  child.kill('SIGKILL')
  await once(child, 'exit')
  await (await lockDirectory(folder)).release()
})

test('a process that has the number of one that was killed is not taken for it', async () => {
  const lock = { host: hostname(), pid: process.ppid, started: '1', token: 'x' }
  await writeFile(join(folder, 'lock'), JSON.stringify(lock))
  await (await lockDirectory(folder)).release()
})

test('a holder on another host is replaced only after a silence', async () => {
  const path = join(folder, 'lock')
  await writeFile(path, JSON.stringify({ host: 'another', pid: 1, started: '1', token: 'x' }))
  await expect(lockDirectory(folder)).rejects.toThrow('process 1 on another')
  const past = new Date(Date.now() - 60_000)
  await utimes(path, past, past)
  await (await lockDirectory(folder)).release()
})
