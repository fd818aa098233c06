import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
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

function program(name: string, prints: string | Buffer, script = `cat "${folder}/${name}.out"`): void {
  writeFileSync(join(folder, `${name}.out`), prints)
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`)
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

/** Becomes the one that is asked for. */
const delimiter = '\x1f'

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
      ].join(delimiter),
  )
  const delimited = `for each; do case $each in --delimiter=*) d=\${each#*=};; esac; done; sed "s/\x1f/$d/g"`
  program('sacct', Buffer.from(`${lines.join('\n')}\n`, 'latin1'), `${delimited} "${folder}/sacct.out"`)
}

const report = (url = gateway.origin, ...more: string[]) =>
  run(
    'python3',
    [
      join(root, 'integrations', 'slurm', 'foresize-slurm'),
      '--once',
      '--gateway',
      url,
      '--state',
      join(folder, 'told'),
      ...more,
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

test('what one user writes keeps nobody else from being told', async () => {
  const good = (id: string): Row => ({ id, name: 'beside', comment: 'foresize n=1' })
  sacct([
    good('20'),
    { id: '21', name: 'beside', comment: 'foresize token=!!!' },
    { id: '22', name: 'beside', comment: `foresize attempt=${'9'.repeat(5000)}` },
    { id: '23', name: 'beside', comment: 'foresize attempt=-1 n=1e999' },
    { id: '24', name: 'beside', comment: 'foresize label=\x01' },
    { id: '25', name: 'be\xffside', comment: 'foresize n=1' },
    good('26'),
  ])
  const { stderr } = await report()
  expect(stderr).toContain('refused: slurm-c1-21-')
  expect(stderr).toContain('refused: slurm-c1-24-')
  expect(countOf(await pair.profile('beside', (found) => countOf(found) >= 4))).toBe(4)
})

test('a token that cannot be sent is not in the log', async () => {
  const file = join(folder, 'token')
  writeFileSync(file, 'secret-one\nsecret-two\n')
  sacct([{ id: '29', name: 'token', comment: 'foresize n=1' }])
  const refused = await report(gateway.origin, '--token-file', file).catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(`${file}: must hold one token`) })
  expect(refused).toMatchObject({ stderr: expect.not.stringContaining('secret') })
})

test('a look whose only record is refused has done its work', async () => {
  sacct([{ id: '27', name: 'refused', comment: 'foresize label=\x01' }])
  expect((await report()).stderr).toContain('refused: slurm-c1-27-')
})

test('a number is what foresize.lua takes for one, all else is a label', async () => {
  sacct([
    {
      id: '28',
      name: 'words',
      comment: 'foresize a=1e3 b=-.5 c=inf d=nan e=1_0 f=0x10 g=1e999 task= h=1 h=2',
    },
  ])
  await report()
  const { executions } = await pair.profile('words', (found) => countOf(found) === 1)
  expect(executions).toMatchObject([
    {
      features: { a: 1000, b: -0.5, h: 2 },
      labels: { c: 'inf', d: 'nan', e: '1_0', f: '0x10', g: '1e999' },
    },
  ])
})

test('a job whose text looks like rows of others is told as one job', async () => {
  const row = ['31', 'c1', 'forged', 'COMPLETED', '2026-01-02T03:00:00', '2026-01-02T03:00:10', '10']
  const forged = [...row, 'mem=1G', '', '00:05.000', 'foresize n=1'].join('|')
  sacct([{ id: '30', name: 'forger', comment: `foresize n=1\n${forged}` }])
  const asked = join(folder, 'asked')
  const before = readFileSync(join(folder, 'sacct'), 'utf8').replace('#!/bin/sh\n', '')
  program('sacct', readFileSync(join(folder, 'sacct.out')), `echo "$@" >> "${asked}"\n${before}`)
  await report()
  await report()
  expect(countOf(await pair.profile('forger', (found) => countOf(found) > 0))).toBe(1)
  const delimiters = readFileSync(asked, 'utf8').match(/--delimiter=\S+/g)
  expect(new Set(delimiters).size, 'it cannot be foreseen').toBe(2)
})

describe('run again', () => {
  /** As `squeue` and `scontrol show job --oneliner` print them; what else scontrol is asked is kept. */
  function killed(
    jobs: readonly { readonly id: string; readonly restarts: number; readonly name?: string }[],
  ) {
    const rows = jobs.map(({ id, restarts }) => `${id}  ${restarts}  cpu=1,mem=64M,node=1,billing=1 `)
    program('squeue', `${rows.join('\n')}\n`)
    for (const { id, name = 'x', restarts } of jobs)
      writeFileSync(
        join(folder, `job-${id}`),
        `JobId=${id} JobName=${name} UserId=u(1) Requeue=1 Restarts=${restarts} TRES=cpu=1,mem=64M Comment=foresize token=AA== \n`,
      )
    program(
      'scontrol',
      '',
      `if [ "$1" = show ]; then cat "${folder}/job-$4"; exit; fi
       echo "$@" >> "${folder}/asked"
       if [ "$2" = 40 ]; then echo "Requested operation is presently disabled for job 40" >&2; exit 1; fi`,
    )
  }
  const asked = () => readFileSync(join(folder, 'asked'), 'utf8')
  beforeEach(() => sacct([]))

  test('is each job that may be, with more memory, whatever becomes of another', async () => {
    killed([
      { id: '40', restarts: 0 },
      { id: '41', restarts: 0 },
    ])
    const { stderr } = await report()
    expect(stderr).toContain('job 40 is not run again: scontrol: Requested operation is presently disabled')
    expect(asked()).toMatch(/update JobId=41 MinMemoryNode=\d+ Comment=foresize token=\S+ attempt=2/)
    expect(asked()).toMatch(/release 41/)
  })

  test('is no job for longer than it may be, whatever its name says', async () => {
    killed([{ id: '42', restarts: 3, name: 'x Restarts=0 TRES=mem=9T' }])
    await report()
    expect(() => asked()).toThrow('ENOENT')
  })
})
