import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createWorker } from '../../workers/typescript/worker.ts'
import { countOf, foresize, type Pair, startPair } from './support.ts'

/** Workers that are killed, with what they took on disk. */

let pair: Pair
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'foresize-spool-'))
  pair = await startPair()
})
afterAll(async () => {
  await pair.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** Runs a worker for a while, kills it, and gives the executions whose end it had taken. */
async function killedWorker(target: string, task: string, ms: number): Promise<string[]> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'spooling-worker.ts'), target, folder, task],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  let printed = ''
  const started = new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk) => {
      printed += chunk
      resolve()
    })
  })
  await started
  await new Promise((resolve) => setTimeout(resolve, ms))
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('close', resolve))
  return printed.split('\n').filter((line) => line !== '')
}

test('killed again and again, with the profiler there and not: each execution taken is folded exactly once', async () => {
  const taken: string[] = []
  for (const [i, ms] of [150, 40, 230, 5, 90, 310].entries()) {
    const target = i % 2 === 0 ? pair.profilerAddress : '127.0.0.1:1'
    taken.push(...(await killedWorker(target, 'killed', ms)))
  }
  const worker = createWorker({ target: pair.profilerAddress, spoolFolder: folder })
  expect(await worker.flush(20_000)).toBe(true)
  expect(await worker.close()).toBe(true)
  expect(readdirSync(folder)).toEqual([])
  const profile = await pair.profile('killed', (found) => countOf(found) >= taken.length)
  const succeeded = profile.outcomes.find(({ outcome }) => outcome === 1)?.count ?? 0
  // A kill between the end and the print leaves at most one more a worker.
  expect(succeeded).toBeGreaterThanOrEqual(taken.length)
  expect(succeeded).toBeLessThanOrEqual(taken.length + 6)
})

test('what `foresize run` could not report, the next run reports', async () => {
  const run = (profiler: string) =>
    foresize(['run', '--task', 'spooled', '--spool', folder, '--profiler', profiler, '--', 'true']).done
  for (let i = 0; i < 3; i++) {
    const { code, stderr } = await run('127.0.0.1:1')
    expect(code).toBe(0)
    expect(stderr).toContain(`foresize run: kept in ${folder} for the next run to report`)
  }
  expect(readdirSync(folder)).toHaveLength(1)
  expect((await run(pair.profilerAddress)).code).toBe(0)
  expect(countOf(await pair.profile('spooled', (found) => countOf(found) >= 4))).toBe(4)
  expect(readdirSync(folder)).toEqual([])
})
