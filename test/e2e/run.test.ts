import { spawn } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { version } from '../../shared/runtime/version.ts'
import { runner as builtRunner, isPresent } from '../conformance/sdks.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { countOf, eventually, foresize, type Pair, root, startPair } from './support.ts'

/** `foresize run` with the profiler there, and without. */

let pair: Pair
beforeAll(async () => {
  pair = await startPair()
})
afterAll(() => pair.stop())

const isBuilt = isPresent(builtRunner, 'runs')
const program = join(root, '.foresize', 'bin', 'foresize-run')
const runners = { ...(isBuilt ? { 'foresize-run': program } : {}), node: 'node' }
let folder: string
beforeAll(async () => {
  folder = await temporaryDirectory()
  writeFileSync(join(folder, 'docker'), '#!/bin/sh\nexit 4\n', { mode: 0o755 })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.each(Object.entries(runners))('%s', (name, runner) => {
  const env = { FORESIZE_RUNNER: runner }
  const nameOf = (task: string) => `${name}/${task}`
  const run = (
    task: string,
    command: readonly string[],
    options: readonly string[] = [],
    given: { stdin?: string } = {},
  ) =>
    foresize(
      ['run', '--task', nameOf(task), '--profiler', pair.profilerAddress, ...options, '--', ...command],
      {
        env,
        ...given,
      },
    )
  const profile = (task: string, accept: Parameters<Pair['profile']>[1]) => pair.profile(nameOf(task), accept)

  test('streams and exit code are those of the command, and it is in the profile', async () => {
    const started = run('cat', ['sh', '-c', 'cat; echo err >&2; exit 7'], [], { stdin: 'through\n' })
    expect(await started.done).toEqual({ code: 7, signal: null, stdout: 'through\n', stderr: 'err\n' })
    const learned = await profile('cat', (found) => countOf(found) === 1)
    expect(learned.outcomes).toEqual([{ outcome: 2, count: 1 }])
  })

  test('what was known before and what was given travel with the execution', async () => {
    const options = [
      '--feature',
      'input_bytes=2MiB',
      '--label',
      'tool=true',
      '--memory',
      '1GiB',
      '--attempt',
      '2',
    ]
    expect((await run('known', ['true'], options).done).code).toBe(0)
    const learned = await profile('known', (found) => found.executions.length === 1)
    expect(learned.executions[0]).toMatchObject({
      features: { input_bytes: 2 ** 21 },
      labels: { tool: 'true' },
      allocated: { memoryBytes: 2 ** 30 },
      attempt: 2,
      outcome: 1,
    })
    expect(learned.executions[0]?.used?.durationMs).toBeGreaterThan(0)
    expect(learned.executions[0]?.used?.memoryBytes).toBeGreaterThan(0)
  })

  test.each(['SIGTERM', 'SIGINT', 'SIGUSR2'] as const)(
    '%s reaches the command and ends both alike',
    async (signal) => {
      const task = `signal-${signal}`
      const started = run(task, ['sh', '-c', 'echo ready; exec sleep 30'])
      await started.prints('ready')
      started.kill(signal)
      expect(await started.done).toMatchObject({ code: null, signal })
      const learned = await profile(task, (found) => countOf(found) === 1)
      expect(learned.outcomes).toEqual([{ outcome: 6, count: 1 }])
    },
  )

  test('a command that handles a signal decides how it ends', async () => {
    const started = run('handled', [
      'sh',
      '-c',
      'trap "echo bye; exit 0" TERM; echo ready; while :; do sleep 0.05; done',
    ])
    await started.prints('ready')
    started.kill('SIGTERM')
    expect(await started.done).toMatchObject({ code: 0, stdout: 'ready\nbye\n' })
  })

  test('a command that does not exist is 127 and no execution, and a task that is refused does not harm it', async () => {
    expect(await run('none', ['no-such-command']).done).toEqual({
      code: 127,
      signal: null,
      stdout: '',
      stderr: 'foresize run: no-such-command: command not found\n',
    })
    expect((await run('none', ['true']).done).code).toBe(0)
    const learned = await profile('none', (found) => countOf(found) > 0)
    expect(learned.outcomes).toEqual([{ outcome: 1, count: 1 }])
    expect(await run('x'.repeat(300), ['sh', '-c', 'exit 5']).done).toMatchObject({
      code: 5,
      stderr: `foresize run: refused by the profiler: starts[0].task.task must be at most 256 bytes, has ${nameOf('').length + 300}\n`,
    })
  })

  describe('what cannot be reported is said in one line, and the job runs as ever', () => {
    test.each([
      [
        ['--profiler', '127.0.0.1:1'],
        /not reported; the profiler at 127\.0\.0\.1:1: connection refused 127\.0\.0\.1:1/,
      ],
      [['--profiler', 'nowhere'], /not reported; the profiler at nowhere: no address is known for nowhere/],
      [['--ca', '/no/ca.pem'], /not reported: \/no\/ca\.pem: no such file or directory/],
      [['--token-file', '/no/token'], /not reported: \/no\/token: no such file or directory/],
      [
        ['--profiler', '127.0.0.1:1', '--spool', '/proc/x/y'],
        /not reported; nothing can be kept in \/proc\/x\/y: /,
      ],
    ])('%j', async (options, line) => {
      const done = await foresize(
        ['run', '--task', 'alone', ...options, '--', 'sh', '-c', 'echo done; exit 3'],
        { env },
      ).done
      expect(done).toMatchObject({ code: 3, signal: null, stdout: 'done\n' })
      expect(done.stderr).toMatch(/^foresize run: [^\n]+\n$/)
      expect(done.stderr).toMatch(line)
    })

    test('a spool that cannot be used is said though the report arrived', async () => {
      const done = await run('unspooled', ['true'], ['--spool', '/proc/x/y']).done
      expect(done).toMatchObject({ code: 0, stdout: '' })
      expect(done.stderr).toMatch(/^foresize run: nothing can be kept in \/proc\/x\/y: [^\n]*\n$/)
      await profile('unspooled', (found) => countOf(found) === 1)
    })
  })

  describe('a command line that is wrong runs nothing', () => {
    test.each([
      [['run', '--', 'echo', 'x'], '--task is required'],
      [['run', '--task', 't'], 'there is no command'],
      [['run', '--task', 't', '--feature', 'n=many', '--', 'echo', 'x'], 'must be a number'],
      [['run', '--task', 't', '--memory', 'lots', '--', 'echo', 'x'], '--memory lots'],
      [['run', '--task', 't', '--attempt', '0', '--', 'echo', 'x'], '--attempt 0'],
      [
        ['run', '--task', 't', '--attempt', '1001', '--', 'echo', 'x'],
        '--attempt 1001: must be a whole number',
      ],
      [['run', '--task', 't', '--memory', '-5', '--', 'echo', 'x'], '--memory -5: must be like 2GiB'],
      [['run', '--task', 't', '--memory', '1e30', '--', 'echo', 'x'], '--memory 1e30: must be like 2GiB'],
      [['run', '--task', 't', '--nonsense', '--', 'echo', 'x'], 'option --nonsense'],
      [['run', '--task', 't', '--memory', '--', 'echo', 'x'], '--memory needs a value'],
      [['run', '--task', 't', '--label', 'x', '--', 'echo', 'x'], '--label x: must be KEY=VALUE'],
    ])('%j', async (args, message) => {
      const done = await foresize(args, { env }).done
      expect(done).toMatchObject({ code: 2, stdout: '' })
      expect(done.stderr).toContain(message)
    })
  })
  test('sized by what was learned: in its environment, in the record, scored; what the command line gives stays', async () => {
    const sized = (options: readonly string[], script: string) =>
      run('sized', ['sh', '-c', script], ['--size', '--estimator', pair.estimatorAddress, ...options]).done
    const shown = 'echo "$FORESIZE_MEMORY_BYTES $FORESIZE_CPU_CORES"'
    expect((await sized(['--cpu', '1.5'], shown)).stdout).toMatch(/^\d* 1.50\n$/)
    for (let i = 0; i < 4; i++) await sized([], 'true')
    await profile('sized', (found) => countOf(found) === 5)
    const given = await eventually(async () => {
      const { stdout } = await sized([], shown)
      const [bytes = ''] = stdout.split(' ')
      return Number(bytes) > 1e5 && Number(bytes) < 50e6 ? Number(bytes) : undefined
    })
    const learned = await profile(
      'sized',
      (found) => found.accuracy.length > 0 && found.executions.length > 5,
    )
    expect(Math.ceil(learned.executions.at(-1)?.allocated?.memoryBytes ?? 0)).toBe(given)
    const { stderr } = await sized(['--feature', 'lines=3'], 'true')
    expect(stderr).toMatch(/^(foresize run: note: [^\n]+\n)+$/)
    expect(stderr).toContain(`foresize run: note: lines is not a feature of ${nameOf('sized')}\n`)
    expect((await sized(['--memory', '123MiB'], shown)).stdout).toMatch(new RegExp(`^${123 * 2 ** 20} `))
  })

  test('sized with nobody to ask it runs as ever', async () => {
    const done = await run(
      'alone',
      ['sh', '-c', 'echo "<$FORESIZE_MEMORY_BYTES>"'],
      ['--size', '--estimator', '127.0.0.1:1'],
    ).done
    expect(done).toMatchObject({ code: 0, signal: null, stdout: '<>\n' })
    expect(done.stderr).toMatch(/^foresize run: not sized: [^\n]*connection refused[^\n]*\n$/)
  })

  test('a command that only asks a daemon is named as that', async () => {
    const done = await run('daemon', ['sh', '-c', ':', 'run'], []).done
    expect(done.stderr).toBe('')
    const asked = await foresize(
      [
        'run',
        '--task',
        nameOf('daemon'),
        '--profiler',
        pair.profilerAddress,
        '--',
        join(folder, 'docker'),
        'run',
        'x',
      ],
      { env },
    ).done
    expect(asked).toMatchObject({ code: 4 })
    expect(asked.stderr).toBe(
      'foresize run: docker run only asks a daemon to run it: what is measured is docker run, not the work\n',
    )
  })

  test('an interrupt from the terminal cancels it', async () => {
    const command = `${join(root, 'cli', 'foresize')} run --task ${nameOf('interrupted')} --profiler ${pair.profilerAddress} -- sleep 30`
    const terminal = spawn('script', ['-qec', command, '/dev/null'], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const ended = new Promise((resolve) => terminal.once('close', resolve))
    await profile('interrupted', (found) => found.running.length === 1)
    terminal.stdin.write('\u0003')
    const learned = await profile('interrupted', (found) => countOf(found) === 1)
    expect(learned.outcomes).toEqual([{ outcome: 6, count: 1 }])
    terminal.stdin.end()
    await ended
  })

  test('with what wraps it told, it is learned without, and given with', async () => {
    const given = await run(
      'wrapped',
      ['sh', '-c', 'echo "$FORESIZE_MEMORY_BYTES"'],
      ['--size', '--estimator', pair.estimatorAddress, '--memory', '300MB', '--overhead', '200MB'],
    ).done
    expect(given.stdout).toBe('300000000\n')
    const learned = await profile('wrapped', (found) => countOf(found) === 1)
    expect(learned.executions[0]?.allocated?.memoryBytes).toBe(100e6)
    expect(learned.executions[0]?.used?.memoryBytes).toBeLessThan(100e6)
  })
})

const run = (task: string, command: readonly string[], options: readonly string[] = []) =>
  foresize(['run', '--task', task, '--profiler', pair.profilerAddress, ...options, '--', ...command])

describe('a command line that is wrong', () => {
  test.each([
    [['estimate', '--task', 't', '--memory', '1e30'], '--memory 1e30: must be like 2GiB'],
    [['estimate', '--task', 't', '--coverage', '1'], '--coverage 1: must be a number above 0 and below 1'],
    [['estimate', '--task', 't', '--risk', '9'], '--risk 9'],
    [['profiles', 'eat'], 'no "profiles eat"'],
    [['nonsense'], 'there is no command "nonsense"'],
  ])('%j', async (args, message) => {
    const done = await foresize(args).done
    expect(done).toMatchObject({ code: 2, stdout: '' })
    expect(done.stderr).toContain(message)
  })
})

if (isBuilt)
  test('both runners have one help', async () => {
    const [one, other] = await Promise.all(
      Object.values(runners).map(
        (runner) => foresize(['run', '--help'], { env: { FORESIZE_RUNNER: runner } }).done,
      ),
    )
    expect(one).toEqual(other)
  })

test.each<[args: string[], runner: string, name: string]>([
  [['--version'], 'node', 'foresize'],
  [['kubectl', '--version'], 'node', 'foresize'],
  [['run', '--version'], 'node', 'foresize'],
  ...(isBuilt
    ? ([[['run', '--version'], program, 'foresize-run']] satisfies [string[], string, string][])
    : []),
])('%j with %s says which version it is', async (args, runner, name) => {
  const done = await foresize(args, { env: { FORESIZE_RUNNER: runner } }).done
  expect(done).toMatchObject({ code: 0, stdout: `${name} ${version}\n`, stderr: '' })
})

test('every command has its help', async () => {
  const overview = await foresize(['--help']).done
  const names = [...overview.stdout.matchAll(/^ {2}([a-z-]+) +[a-z]/gm)].map(([, name]) => name ?? '')
  expect(names).toContain('run')
  for (const name of names) {
    const help = await foresize([name, '--help']).done
    expect(help).toMatchObject({ code: 0, stderr: '' })
    expect(help.stdout).toContain(`Usage: foresize ${name}`)
  }
})

test('from runs to an estimate, by the command alone', async () => {
  for (const size of [1, 2, 3, 4]) {
    await run('loop', ['true'], ['--feature', `input_bytes=${size}MiB`]).done
  }
  await pair.profile('loop', (found) => countOf(found) === 4)
  const address = ['--estimator', pair.estimatorAddress]
  const asked = await foresize(['estimate', '--task', 'loop', '--json', ...address]).done
  expect(asked.code).toBe(0)
  const { estimate } = JSON.parse(asked.stdout)
  expect(estimate.source).toBe('ESTIMATE_SOURCE_PROFILE')
  expect(estimate.executions).toBe(4)
  expect(estimate.resources.memoryBytes).toBeGreaterThan(1e5)

  const table = await foresize(['estimate', '--task', 'loop', '--strategies', ...address]).done
  expect(table.stdout).toContain('loop: ')
  expect(table.stdout).toContain('memory')
  const sure = await foresize(['confidence', '--task', 'loop', '--memory', '10GiB', ...address]).done
  expect(sure.stdout).toContain('10.0 GiB suffices')

  const profiler = ['--profiler', pair.profilerAddress]
  expect((await foresize(['profiles', 'list', ...profiler]).done).stdout).toContain('loop')
  expect((await foresize(['profiles', 'get', 'loop', ...profiler]).done).stdout).toContain('4 succeeded')
  const json = await foresize(['profiles', 'get', 'loop', '--json', ...profiler]).done
  expect(JSON.parse(json.stdout).key.task).toBe('loop')
  expect((await foresize(['profiles', 'delete', 'loop', ...profiler]).done).code).toBe(0)
  const gone = await foresize(['profiles', 'get', 'loop', ...profiler]).done
  expect(gone.code).toBe(1)
})

test('a service that is not there is named, with what to do', async () => {
  const done = await foresize(['estimate', '--task', 't', '--estimator', '127.0.0.1:1', '--within', '1s'])
    .done
  expect(done.code).toBe(1)
  expect(done.stderr).toContain('cannot reach the estimator at 127.0.0.1:1')
  expect(done.stderr).toContain('foresize up')
})
