import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { gatewayFixture } from '../support/gateway-fixture.ts'
import { countOf, type Pair, root, startPair } from './support.ts'

/** What foresize-slurm makes of what sacct prints. The whole with a real Slurm: `make test-schedulers`. */

const run = promisify(execFile)
let pair: Pair
let gateway: Awaited<ReturnType<typeof gatewayFixture>>
let folder: string

beforeAll(async () => {
  pair = await startPair()
  gateway = await gatewayFixture({ profiler: pair.profilerAddress, estimator: pair.estimatorAddress })
})
afterAll(async () => {
  await gateway.stop()
  await pair.stop()
})
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'foresize-slurm-reporter-'))
  program('squeue', '')
  return () => rmSync(folder, { recursive: true, force: true })
})

function program(name: string, prints: string): void {
  writeFileSync(join(folder, `${name}.out`), prints)
  writeFileSync(join(folder, name), `#!/bin/sh\ncat "${folder}/${name}.out"\n`)
  chmodSync(join(folder, name), 0o755)
}

interface Row {
  readonly id: string
  readonly name?: string
  readonly state?: string
  readonly start?: string
  readonly memory?: string
  readonly comment?: string
}

/** As `sacct --parsable2 --delimiter` prints it. */
function sacct(rows: readonly Row[]): void {
  const lines = rows.map(
    ({ id, name = '', state = 'COMPLETED', start = '2026-01-02T03:00:00', memory = '', comment = '' }) =>
      [
        id,
        'c1',
        name,
        state,
        start,
        '2026-01-02T03:00:10',
        '10',
        'cpu=2,mem=1G,node=1',
        memory && `cpu=00:00:05,mem=${memory}`,
        '00:05.000',
        comment,
      ].join('\x1f'),
  )
  program('sacct', `${lines.join('\n')}\n`)
}

const report = (url = gateway.origin) =>
  run(
    'python3',
    [
      join(root, 'integrations', 'slurm', 'foresize-slurm'),
      '--once',
      '--gateway',
      url,
      '--state',
      join(folder, 'told'),
    ],
    { env: { ...process.env, PATH: `${folder}:${process.env['PATH']}` } },
  )

test('a job is what its comment says, given what it was allocated, and used what its steps held at once', async () => {
  sacct([
    { id: '7', name: 'align', comment: 'foresize input_bytes=5e7 tool=bwa' },
    { id: '7.batch', name: 'batch', memory: '100M' },
    { id: '7.0', name: 'a', memory: '300M' },
    { id: '7.1', name: 'b', memory: '200M' },
    { id: '7.extern', name: 'extern', memory: '1M' },
  ])
  await report()
  const { executions } = await pair.profile('align', (found) => countOf(found) === 1)
  expect(executions).toMatchObject([
    {
      features: { input_bytes: 5e7 },
      labels: { tool: 'bwa' },
      allocated: { memoryBytes: 2 ** 30 },
      used: { memoryBytes: 400 * 2 ** 20, durationMs: 10_000, cpuCores: 0.5 },
      outcome: 1,
      source: 4,
    },
  ])
})

test('an attempt that was queued again is one of its own, and ended as its step did', async () => {
  const comment = 'foresize task=again n=1'
  sacct([
    { id: '8', name: 'x', state: 'REQUEUED', comment },
    { id: '8.batch', name: 'batch', state: 'OUT_OF_MEMORY', memory: '900M' },
    { id: '8', name: 'x', start: '2026-01-02T03:05:00', comment: `${comment} attempt=2` },
    { id: '8.batch', name: 'batch', memory: '1100M' },
  ])
  await report()
  const { outcomes, executions } = await pair.profile('again', (found) => countOf(found) === 2)
  expect(outcomes).toEqual([
    { outcome: 1, count: 1 },
    { outcome: 3, count: 1 },
  ])
  expect(executions.map(({ attempt }) => attempt).toSorted()).toEqual([1, 2])
})

test('only jobs that take part and have run are told, each once, whatever was forgotten', async () => {
  sacct([
    { id: '9', name: 'part', comment: 'foresize n=1' },
    { id: '9.batch', memory: '50M' },
    { id: '10', name: 'part', comment: 'of mine' },
    { id: '11', name: 'part', state: 'CANCELLED by 0', start: 'Unknown', comment: 'foresize n=1' },
  ])
  await report()
  await report()
  rmSync(join(folder, 'told'))
  await report()
  expect(countOf(await pair.profile('part', (found) => countOf(found) > 0))).toBe(1)
})

test('what cannot be told now is told later', async () => {
  sacct([{ id: '12', name: 'later', comment: 'foresize n=1' }])
  await expect(report('http://127.0.0.1:1')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('report: '),
  })
  await report()
  await pair.profile('later', (found) => countOf(found) === 1)
})
