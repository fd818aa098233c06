import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isReady, isServing } from '../../cli/health-check.ts'
import { freePort, startService } from '../../cli/pair.ts'
import { eventually, foresize } from './support.ts'

/** `foresize up`: how it refuses to start, and how it and its services end together. */

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'foresize-up-'))
  writeFileSync(join(folder, 'file'), '')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('what it cannot do it says at once, in one sentence that names the flag', () => {
  test.each([
    [['--profiler-listen', 'zz'], 2, '--profiler-listen zz: must be host:port'],
    [['--estimator-listen', '127.0.0.1:99999'], 2, '--estimator-listen 127.0.0.1:99999: must be host:port'],
    [['--gateway-listen', 'zz'], 2, '--gateway-listen zz: must be host:port'],
    [['--profiler-metrics', '9070'], 2, '--profiler-metrics 9070: must be host:port'],
    [['--data-dir', '/proc/profiles'], 1, '--data-dir /proc/profiles: profiles cannot be kept there'],
    [['--data-dir', '{}/file'], 1, '--data-dir {}/file: profiles cannot be kept there'],
    [['--data-dir', '{}/file/below'], 1, '--data-dir {}/file/below: profiles cannot be kept there'],
  ])('%j', async (args, code, message) => {
    const here = (text: string) => text.replace('{}', folder)
    const done = await foresize(['up', ...args.map(here)]).done
    expect(done).toMatchObject({ code, stdout: '' })
    expect(done.stderr).toContain(`foresize up: ${here(message)}`)
  })
})

async function startUp(name: string) {
  const data = join(folder, name)
  const address = async () => `127.0.0.1:${await freePort()}`
  const [profiler, estimator, gateway] = [await address(), await address(), await address()]
  const listens = [
    '--profiler-listen',
    profiler,
    '--estimator-listen',
    estimator,
    '--gateway-listen',
    gateway,
  ]
  const up = foresize([
    'up',
    '-q',
    '--data-dir',
    data,
    ...listens,
    '--profiler-metrics=',
    '--estimator-metrics=',
    '--gateway-metrics=',
  ])
  await up.prints('Ready')
  const lock = join(data, 'lock')
  const { pid } = JSON.parse(readFileSync(lock, 'utf8')) as { readonly pid: number }
  const areGone = () =>
    eventually(async () => {
      const served = [
        await isServing(profiler, 1000),
        await isServing(estimator, 1000),
        await isReady(gateway, 1000),
      ]
      return served.includes(true) || existsSync(lock) ? undefined : true
    })
  return { up, gateway, profilerPid: pid, areGone }
}

test('killed, it takes all services with it, and the store is closed in order', async () => {
  const { up, gateway, areGone } = await startUp('killed')
  await up.prints(`gateway    http://${gateway}\nconsole    http://${gateway}/console/`)
  expect(await isReady(gateway, 10_000)).toBe(true)
  up.kill('SIGKILL')
  expect(await up.done).toMatchObject({ signal: 'SIGKILL' })
  expect(await areGone()).toBe(true)
})

test('of a service that dies it says which, how, and what to look at, and stops the others', async () => {
  const { up, profilerPid, areGone } = await startUp('dies')
  process.kill(profilerPid, 'SIGKILL')
  const done = await up.done
  expect(done.code).toBe(1)
  expect(done.stderr).toContain('the profiler was ended by SIGKILL')
  expect(done.stderr).toMatch(/ profiler info serving .*\n.*"out of memory" in the kernel's log/)
  rmSync(join(folder, 'dies', 'lock'))
  expect(await areGone()).toBe(true)
})

test('of one that dies without a word it says how to see more', async () => {
  const listen = `127.0.0.1:${await freePort()}`
  const flags = ['--log-level', 'silent', '--data-dir', join(folder, 'file'), '--metrics-listen=']
  const started = startService({ service: 'profiler', listen, flags, onLog: () => {} })
  await expect(started).rejects.toThrow(
    `the profiler exited with 1 without a word; start it alone to see more: node services/profiler/main.ts --listen ${listen} --log-level silent`,
  )
})
