import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createWorker } from '../../workers/typescript/worker.ts'
import { foresize, type Pair, startPair } from './support.ts'

/** Profiles as files, by the command. */

let from: Pair
let to: Pair
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'foresize-transfer-'))
  ;[from, to] = await Promise.all([startPair(), startPair()])
  const worker = createWorker({ target: from.profilerAddress })
  for (let i = 0; i < 40; i++) {
    const execution = worker.startExecution({ task: `task-${i % 8}`, features: { n: i } })
    execution.end('succeeded', { memoryBytes: 1e6 * (1 + i), durationMs: 10 }, 'external')
  }
  expect(await worker.close(10_000)).toBe(true)
})
afterAll(async () => {
  await Promise.all([from.stop(), to.stop()])
  rmSync(folder, { recursive: true, force: true })
})

const profiles = (pair: Pair, args: readonly string[], stdin?: string) =>
  foresize(['profiles', ...args, '--profiler', pair.profilerAddress], stdin === undefined ? {} : { stdin })
    .done

test.each(['pb', 'jsonl'])('out as .%s and in again elsewhere: the same bytes', async (ending) => {
  const first = join(folder, `first.${ending}`)
  const second = join(folder, `second.${ending}`)
  expect((await profiles(from, ['export', first])).stderr).toMatch(/Exported \d+ profiles/)
  const imported = await profiles(to, ['import', first, '--mode', 'replace'])
  expect(imported).toMatchObject({ code: 0 })
  expect(imported.stdout).toMatch(/^\d+ new, \d+ changed, \d+ the same, 0 refused\.\n$/)
  await profiles(to, ['export', second])
  expect(readFileSync(second).equals(readFileSync(first))).toBe(true)
  expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([])
})

test('an export that fails leaves nothing behind', async () => {
  const there = mkdtempSync(join(folder, 'failed-'))
  const unreachable = ['profiles', 'export', join(there, 'a.pb'), '--profiler', '127.0.0.1:1']
  expect(await foresize(unreachable).done).toMatchObject({ code: 1 })
  mkdirSync(join(there, 'taken'))
  expect(await profiles(from, ['export', join(there, 'taken')])).toMatchObject({ code: 1 })
  expect(readdirSync(there)).toEqual(['taken'])
})

test('through a pipe, dry, nothing is written and the second time nothing is new', async () => {
  const { stdout } = await profiles(from, ['export', '--format', 'json-lines'])
  expect(stdout.split('\n').length).toBeGreaterThan(8)
  const dry = await profiles(to, ['import', '--format', 'json-lines', '--dry-run', '--json'], stdout)
  expect(JSON.parse(dry.stdout).created ?? 0).toBe(0)
  const again = await profiles(to, ['import', '--format', 'json-lines'], stdout)
  expect(again.stdout).toContain('0 new, 0 changed')
})

test('a summary for a spreadsheet', async () => {
  const { stdout } = await profiles(from, ['export', '--format', 'csv'])
  expect(stdout.split('\n')[0]).toContain('task')
  expect(stdout).toContain('task-3')
})

test('what cannot be read is told of, and the command fails', async () => {
  const file = join(folder, 'bad.jsonl')
  writeFileSync(file, '{"key": {"task": 7}}\nnonsense\n')
  const done = await profiles(to, ['import', file])
  expect(done.code).toBe(1)
  expect(`${done.stdout}${done.stderr}`.length).toBeGreaterThan(10)
  expect(await profiles(to, ['import', join(folder, 'none.jsonl')])).toMatchObject({ code: 1 })
  expect(await profiles(to, ['import', file, '--mode', 'mix'])).toMatchObject({ code: 2 })
  expect(await profiles(to, ['export', '--format', 'xml'])).toMatchObject({ code: 2 })
})
