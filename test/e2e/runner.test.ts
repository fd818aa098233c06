import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ExecutionRecord } from '../../shared/wire/gen/foresize/v1/execution.ts'
import { readStat } from '../../workers/typescript/procfs.ts'
import { smallCgroup } from '../conformance/cgroup.ts'
import { everything, type ProfilerUnderTest, profilerUnderTest } from '../conformance/profiler.ts'
import { runner } from '../conformance/sdks.ts'
import { wherePresent } from '../conformance/where-present.ts'
import { certificateAuthority } from '../support/certificates.ts'
import { estimatorFixture } from '../support/estimator-fixture.ts'
import { testProfiler } from '../support/profiler-service.ts'
import { writeTokens } from '../support/secure-services.ts'
import { compile, countOf, eventually, foresize, type Pair, root, startPair } from './support.ts'

/** `foresize-run`, and what only it does or promises. What it has in common with Node's is in run.test.ts. */

const program = join(root, '.foresize', 'bin', 'foresize-run')
let pair: Pair
let folder: string
let burn: string

interface Ran {
  readonly child: ChildProcess
  readonly done: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>
}

function start(options: readonly string[], command: readonly string[], procs?: string): Ran {
  const runner = [program, '--profiler', pair.profilerAddress, ...options, '--', ...command]
  const [file, ...args] =
    procs === undefined ? runner : ['sh', '-c', `echo $$ > ${procs}; exec "$@"`, 'sh', ...runner]
  const child = spawn(file as string, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => {
    said.stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    said.stderr += chunk
  })
  const done = new Promise<Awaited<Ran['done']>>((resolve) =>
    child.once('close', (code) => resolve({ code, ...said })),
  )
  return { child, done }
}

function childOf(pid: number | undefined): number | undefined {
  const found = Number(execFileSync('ps', ['--ppid', `${pid}`, '-o', 'pid='], { encoding: 'utf8' }).trim())
  return found > 1 ? found : undefined
}

async function recordOf(task: string, count = 1): Promise<ExecutionRecord> {
  const { executions } = await pair.profile(task, (found) => countOf(found) === count)
  return executions.at(-1) as ExecutionRecord
}

wherePresent(runner, 'promises', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'foresize-runner-'))
    burn = compile('burn', folder)
    pair = await startPair()
  })
  afterAll(async () => {
    await pair.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  test('every field of what it reports is what the contract says', async () => {
    const given = [
      '--attempt',
      '3',
      '--feature',
      'n=-1.5',
      '--feature',
      'm=2e9',
      '--label',
      'tool=x',
      '--cpu',
      '2',
    ]
    const more = [
      '--time',
      '5m',
      '--disk',
      '1GB',
      '--gpu-memory',
      '2GB',
      '--execution-id',
      'mine',
      '--memory',
      '1GB',
    ]
    await start(['--task', 'fields', ...given, ...more], ['sleep', '0.3']).done
    const record = await recordOf('fields')
    expect(record).toMatchObject({
      executionId: 'mine',
      attempt: 3,
      features: { n: -1.5, m: 2e9 },
      labels: { tool: 'x' },
      allocated: { cpuCores: 2, durationMs: 300_000, diskBytes: 1e9, gpuMemoryBytes: 2e9, memoryBytes: 1e9 },
      outcome: 1,
      weight: 1,
    })
    expect(record.used?.durationMs).toBeGreaterThan(295)
    expect(record.measured?.treeMemoryBytes).toBeGreaterThan(0)
  })

  /** CPU time that the start of a process takes before it can tell its own, more or less of it by the machine. */
  const startCpuUs = 20_000

  test('peak memory and CPU time are those of the command, within 5 %', async () => {
    for (const [bytes, cpuMs] of [
      [20e6, 0],
      [200e6, 200],
    ] as const) {
      const task = `burn-${bytes}`
      const { stdout } = await start(['--task', task], [burn, `${bytes}`, `${cpuMs}`]).done
      const [ownPeak = 0, ownCpuUs = 0] = stdout.split(' ').map(Number)
      const { used, measured } = await recordOf(task)
      expect(measured?.treeMemoryBytes ?? 0).toBeGreaterThan(ownPeak * 0.95)
      expect(measured?.treeMemoryBytes ?? 0).toBeLessThan(ownPeak * 1.05)
      const cpuUs = (used?.cpuCores ?? 0) * (used?.durationMs ?? 0) * 1000
      expect(cpuUs).toBeGreaterThan(ownCpuUs * 0.95)
      expect(cpuUs).toBeLessThan(ownCpuUs * 1.05 + startCpuUs)
    }
  })

  test('processes at once add up, and one that ends as an orphan counts', async () => {
    await start(['--task', 'at-once'], ['sh', '-c', `${burn} 60000000 400 & ${burn} 60000000 400; wait`]).done
    const { measured } = await recordOf('at-once')
    expect(measured?.treeMemoryBytes).toBeGreaterThan(110e6)
    await start(
      ['--task', 'orphan'],
      [
        'sh',
        '-c',
        `(${burn} 1000000 300 && touch ${folder}/over &); until [ -e ${folder}/over ]; do sleep 0.05; done; sleep 0.2`,
      ],
    ).done
    const { used } = await recordOf('orphan')
    expect((used?.cpuCores ?? 0) * (used?.durationMs ?? 0)).toBeGreaterThan(280)
  })

  test('sized by an estimator that adds what wraps it, it is given with that and learned without', async () => {
    const wrap = 100e6
    const estimator = await estimatorFixture({ profiler: pair.profilerAddress, overheadMemoryBytes: wrap })
    const sized = (options: readonly string[]) =>
      start(
        ['--task', 'wrapped', '--size', '--estimator', estimator.address, ...options],
        ['sh', '-c', 'echo "$FORESIZE_MEMORY_BYTES"'],
      ).done
    const given = await sized([])
    const alone = await recordOf('wrapped')
    expect(Number(given.stdout)).toBeGreaterThan(wrap)
    expect(alone.allocated?.memoryBytes).toBeCloseTo(Number(given.stdout) - wrap, -1)
    await sized(['--overhead', '0'])
    const unwrapped = await recordOf('wrapped', 2)
    expect(unwrapped.allocated?.memoryBytes).toBeLessThan(Number(given.stdout))
    await estimator.close()
  })

  test('it holds less than 8 MB while the command runs, connection and all, and costs little CPU', async () => {
    const { child, done } = start(['--task', 'light'], ['sleep', '3'])
    await pair.profile('light', (found) => found.running.length === 1)
    const peak = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1])
    expect(peak).toBeLessThan(8000)
    await done
  })

  test('a task of 12 MB passes under 20 MB, and what it was charged with is told and learned', async () => {
    const cgroup = smallCgroup('runner', 20e6)
    try {
      const ran = await start(['--task', 'tight'], [burn, '12000000', '100'], cgroup.procs).done
      expect(ran).toMatchObject({ code: 0, stderr: '' })
      const { used, measured, source } = await recordOf('tight')
      expect(measured?.treeMemoryBytes).toBeGreaterThan(12e6)
      if (!cgroup.isLimited) return
      expect(source).toBe(1)
      expect(measured?.chargedMemoryBytes).toBeLessThanOrEqual(20e6)
      expect(used?.memoryBytes).toBeGreaterThanOrEqual(measured?.treeMemoryBytes as number)
      expect(used?.memoryBytes).toBeLessThanOrEqual(measured?.chargedMemoryBytes as number)
    } finally {
      cgroup.close()
    }
  })

  test('killed for memory by the kernel it is out of memory, and the bound is what it was charged with', async () => {
    const cgroup = smallCgroup('runner-oom', 30e6)
    try {
      // While what the command held is not yet counted as free the kernel may take the runner, too: one in a hundred.
      let task = ''
      let code: number | null = null
      for (let i = 0; code === null && i < 5; i++) {
        task = `oom-${i}`
        const command = ['sh', '-c', `sleep 0.1; ${burn} 200000000 0`]
        code = (await start(['--task', task], command, cgroup.procs).done).code
      }
      expect(code).toBe(cgroup.isLimited ? 137 : 0)
      const { outcome, used } = await recordOf(task)
      expect(outcome).toBe(cgroup.isLimited ? 3 : 1)
      if (cgroup.isLimited) expect(used?.memoryBytes).toBeGreaterThan(25e6)
    } finally {
      cgroup.close()
    }
  })

  test('with --enforce it is stopped above its memory and after its time', async () => {
    const memory = await start(
      ['--task', 'above', '--memory', '50MB', '--enforce'],
      [burn, '100000000', '10000'],
    ).done
    expect(memory.code === null || memory.code === 137).toBe(true)
    expect((await recordOf('above')).outcome).toBe(3)
    await start(['--task', 'late', '--time', '300ms', '--enforce'], ['sleep', '30']).done
    expect((await recordOf('late')).outcome).toBe(4)
  })

  test('killed with everything, its start is on record: others tell its end, and the loss is corrected', async () => {
    const spool = join(folder, 'spool')
    const options = ['--task', 'killed', '--spool', spool, '--execution-id', 'k1', '--memory', '64MB']
    const runner = [program, '--profiler', pair.profilerAddress, ...options, '--', 'sleep', '60']
    // Its parent waits for nobody, so that the killed runner stays a zombie.
    const parent = spawn('sh', ['-c', '"$@" & exec sleep 60', 'sh', ...runner], { stdio: 'ignore' })
    const killed = await eventually(async () => childOf(parent.pid))
    const command = await eventually(async () => childOf(killed))
    process.kill(killed, 'SIGKILL')
    process.kill(command, 'SIGKILL')
    await eventually(async () => (readStat(killed)?.isZombie === true ? true : undefined))
    expect(readdirSync(spool)).toHaveLength(1)
    await start(['--task', 'next', '--spool', spool], ['true']).done
    await pair.profile('killed', (found) => found.outcomes.some(({ outcome }) => outcome === 7))
    parent.kill('SIGKILL')
    expect(readdirSync(spool)).toEqual([])
    const report = [
      'report-end',
      '--execution-id',
      'k1',
      '--outcome',
      'out-of-memory',
      '--profiler',
      pair.profilerAddress,
    ]
    expect((await foresize(report).done).stdout).toBe('k1: out-of-memory\n')
    expect((await foresize(report).done).stdout).toBe('k1: its end was known before\n')
    const learned = await pair.profile('killed', (found) => found.executions.length === 1)
    expect(learned.outcomes).toEqual([{ outcome: 3, count: 1 }])
    expect(learned.executions[0]).toMatchObject({ outcome: 3, allocated: { memoryBytes: 64e6 } })
  })

  test('ended from outside while it runs, that end stays', async () => {
    const { child, done } = start(['--task', 'watched', '--execution-id', 'w1'], ['sleep', '30'])
    await pair.profile('watched', (found) => found.running.length === 1)
    const report = [
      'report-end',
      '--execution-id',
      'w1',
      '--outcome',
      'evicted',
      '--profiler',
      pair.profilerAddress,
    ]
    expect((await foresize(report).done).code).toBe(0)
    child.kill('SIGTERM')
    expect(await done).toMatchObject({ stderr: '' })
    const { outcomes } = await pair.profile('watched', (found) => countOf(found) > 0)
    expect(outcomes).toEqual([{ outcome: 5, count: 1 }])
  })

  test.each(['lmdb', 'memory'] as const)(
    'a profiler that is killed and comes back, on %s, is told all again',
    async (store) => {
      const profiler: ProfilerUnderTest = await profilerUnderTest(store, everything)
      try {
        const options = [
          '--task',
          'resumed',
          '--namespace',
          'n',
          '--profiler',
          profiler.address,
          '--report-within',
          '60s',
        ]
        const isBack = join(folder, `back-${store}`)
        const ran = start(options, [
          'sh',
          '-c',
          `${burn} 50000000 200; until [ -e ${isBack} ]; do sleep 0.1; done`,
        ])
        await new Promise((resolve) => setTimeout(resolve, 700))
        await profiler.server('kill')
        await profiler.server('start')
        writeFileSync(isBack, '')
        expect(await ran.done).toMatchObject({ code: 0, stderr: '' })
        const learned = await profiler.profile('n', 'resumed')
        expect(learned?.outcomes).toEqual({ succeeded: 1 })
        expect(learned?.executions[0]).toMatchObject({ measured: { treeMemoryBytes: expect.any(Number) } })
      } finally {
        await profiler.stop()
      }
    },
  )

  test('what Node has kept in a spool it reports, and the other way round', async () => {
    const spool = join(folder, 'shared')
    const away = ['--profiler', '127.0.0.1:1', '--spool', spool]
    const there = ['--profiler', pair.profilerAddress, '--spool', spool]
    const run = (runner: string, options: readonly string[]) =>
      foresize(['run', '--task', 'handed-on', ...options, '--', 'true'], { env: { FORESIZE_RUNNER: runner } })
        .done
    await run('node', away)
    await run(program, away)
    await run(program, there)
    expect(countOf(await pair.profile('handed-on', (found) => countOf(found) >= 3))).toBe(3)
    await run(program, away)
    await run('node', there)
    expect(countOf(await pair.profile('handed-on', (found) => countOf(found) >= 5))).toBe(5)
    expect(readdirSync(spool)).toEqual([])
  })

  test('a spool whose last frame is torn is told of, and what stands before it is sent', async () => {
    const spool = join(folder, 'torn')
    await start(['--task', 'torn', '--profiler', '127.0.0.1:1', '--spool', spool], ['true']).done
    const [name = ''] = readdirSync(spool)
    appendFileSync(join(spool, name), Buffer.from([9, 0, 0, 0, 1]))
    const { stderr } = await start(['--task', 'torn', '--spool', spool], ['true']).done
    expect(stderr).toBe('foresize run: a file of the spool ends in damage\n')
    await pair.profile('torn', (found) => countOf(found) === 2)
  })

  test('TLS and a token are those of every client, and a foreign one is not let in', async () => {
    const authority = await certificateAuthority(join(folder, 'ca'), 'ours')
    const server = await authority.issue('profiler')
    const tokensFile = join(folder, 'tokens.json')
    await writeTokens(tokensFile, [
      { token: 'secret', name: 'ci', roles: ['worker', 'operator'], namespaces: ['*'] },
    ])
    const profiler = await testProfiler({
      store: 'memory',
      tlsCertFile: server.certFile,
      tlsKeyFile: server.keyFile,
      tokensFile,
    })
    const run = (token: string) =>
      foresize(
        [
          'run',
          '--task',
          'secret',
          '--profiler',
          profiler.address,
          '--ca',
          authority.caFile,
          '--report-within',
          '5s',
          '--',
          'true',
        ],
        { env: { FORESIZE_RUNNER: program, FORESIZE_TOKEN: token } },
      ).done
    try {
      expect(await run('secret')).toMatchObject({ code: 0, stderr: '' })
      expect((await run('guessed')).stderr).toMatch(
        /^foresize run: not reported; the profiler at [^\n]*token[^\n]*\n$/,
      )
      const plain = foresize(
        ['run', '--task', 'secret', '--profiler', 'profiler.example:7070', '--', 'true'],
        {
          env: { FORESIZE_RUNNER: program, FORESIZE_TOKEN: 'secret' },
        },
      )
      expect((await plain.done).stderr).toContain('needs TLS: it would go over the network in plain text')
    } finally {
      await profiler.stop()
    }
  })
})
