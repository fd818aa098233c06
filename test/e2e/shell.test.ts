import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countOf, eventually, foresize, type Pair, root, startPair } from './support.ts'

/** What scripts see: one line and an exit code, whatever state the estimator is in. */

let pair: Pair
let silent: Server
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'foresize-shell-'))
  silent = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1')
  ;[pair] = await Promise.all([startPair(), once(silent, 'listening')])
  const rows = Array.from({ length: 40 }, (_, i) => {
    const input = (i + 1) * 1e7
    return `align,${i * 1000},${60_000 + i},${2e8 + 2 * input},4e9,1.5,${input},completed`
  })
  const header =
    'task,submit_ms,duration_ms,peak_memory_bytes,requested_memory_bytes,cpu_cores_avg,input_bytes,status'
  const stdin = `${header}\n${rows.join('\n')}\n`
  const learned = await foresize(['import-history', '-', '--profiler', pair.profilerAddress], { stdin }).done
  expect(learned.stdout).toContain('40 learned from')
  await eventually(async () => {
    const { stdout } = await estimate('--json')
    return JSON.parse(stdout).estimate.executions === 40 || undefined
  })
})

afterAll(async () => {
  silent.close()
  await pair.stop()
  rmSync(folder, { recursive: true, force: true })
})

const ask = (...args: readonly string[]) => foresize(['estimate', '--task', 'align', ...args]).done
const estimate = (...args: readonly string[]) =>
  ask('--feature', 'input_bytes=2e8', '--estimator', pair.estimatorAddress, ...args)
/** Nothing listens on port 1. */
const nobody = ['--estimator', '127.0.0.1:1']
const mute = () => ['--estimator', `127.0.0.1:${(silent.address() as AddressInfo).port}`, '--within', '600ms']

describe('a line for the scheduler', () => {
  /** 2e8 + 2 × 2e8 bytes, and what is added for a failure's price. */
  const learnedBytes = 6e8

  test.each([
    ['slurm', /^(\d+)M\n$/, 2 ** 20],
    ['kubernetes', /^(\d+)Mi\n$/, 2 ** 20],
    ['nextflow', /^(\d+) MB\n$/, 2 ** 20],
    ['bytes', /^(\d+)\n$/, 1],
    ['mb', /^(\d+)\n$/, 1e6],
  ])('%s: one line of what was learned, with and without a fallback', async (format, form, unit) => {
    for (const or of [[], ['--or', '4G']]) {
      const { code, stdout } = await estimate('--format', format, ...or)
      expect(code).toBe(0)
      const bytes = Number(form.exec(stdout)?.[1]) * unit
      expect(bytes).toBeGreaterThanOrEqual(learnedBytes)
      expect(bytes).toBeLessThan(1.3 * learnedBytes)
    }
  })

  test('several amounts and the token, in the order asked for', async () => {
    const { stdout } = await estimate('--format', 'kubernetes', '--print', 'cpu,memory,time,token')
    expect(stdout).toMatch(/^\d+m \d+Mi \d+ [A-Za-z0-9+/]+=*\n$/)
    const { estimate: whole } = JSON.parse((await estimate('--json')).stdout)
    expect(stdout.trim().split(' ')[3]).toBe(whole.estimateToken)
  })

  test('what nothing is known of is asked of --or, else said', async () => {
    const without = await estimate('--print', 'disk')
    expect(without).toMatchObject({ code: 1, stdout: '' })
    expect(without.stderr).toContain('nothing is known of its disk')
    expect(await estimate('--print', 'disk', '--format', 'slurm', '--or', '10G')).toMatchObject({
      code: 0,
      stdout: '10G\n',
    })
  })

  test('of a task that was never seen the fallback is given, and the reason told', async () => {
    const args = ['estimate', '--task', 'unheard/of', '--format', 'slurm', '--or', '4G']
    const { code, stdout, stderr } = await foresize([...args, '--estimator', pair.estimatorAddress]).done
    expect([code, stdout]).toEqual([0, '4G\n'])
    expect(stderr).toContain('unknown-task')
  })

  test.each([
    ['is away', () => nobody, 'cannot reach the estimator'],
    ['says nothing', mute, 'did not answer in time'],
  ])('the fallback where the estimator %s, as it was written', async (_, where, why) => {
    const { code, stdout, stderr } = await ask('--format', 'slurm', '--or', '4G', ...where())
    expect([code, stdout]).toEqual([0, '4G\n'])
    expect(stderr).toContain(why)
    const converted = await ask('--format', 'mb', '--or', '4GB', ...where())
    expect(converted.stdout).toBe('4000\n')
    const several = await ask(
      '--print',
      'cpu,memory,token',
      '--format',
      'kubernetes',
      '--or',
      '1,4Gi',
      ...where(),
    )
    expect(several.stdout).toBe('1 4Gi\n')
  })

  test('without a fallback there is no line, and an exit code', async () => {
    for (const where of [nobody, mute()]) {
      expect(await ask('--format', 'slurm', ...where)).toMatchObject({ code: 1, stdout: '' })
    }
  })

  test('a question that is refused, or is none, ends in the fallback', async () => {
    for (const wrong of [
      ['--task', 'x'.repeat(300)],
      ['--task', ''],
      ['--feature', 'input_bytes='],
    ]) {
      const { code, stdout, stderr } = await estimate('--format', 'slurm', '--or', '4G', ...wrong)
      expect([code, stdout]).toEqual([0, '4G\n'])
      expect(stderr).toMatch(/task|input_bytes/)
    }
  })

  test.each([
    ['--format', 'pbs'],
    ['--print', 'money'],
    ['--or', 'much'],
    ['--or', '0'],
    ['--print', 'cpu,memory', '--or', '4G'],
    ['--or', '4G', '--json'],
    ['--fromat', 'slurm', '--or', '4G'],
  ])('a wrong command line is told even where nobody answers: %s %s', async (...wrong) => {
    expect(await ask(...nobody, ...wrong)).toMatchObject({ code: 2, stdout: '' })
  })
})

describe('a retry', () => {
  const failed = ['--attempt', '2', '--previous-memory', '4GiB', '--previous-outcome', 'out-of-memory']

  test('is given more than what failed, by whoever answers', async () => {
    const learned = await estimate('--format', 'slurm', '--or', '1G', ...failed)
    expect(Number(/^(\d+)M\n$/.exec(learned.stdout)?.[1])).toBeGreaterThan(4096)
    const alone = await ask('--format', 'slurm', '--or', '1G', ...failed, ...nobody)
    expect(alone.stdout).toBe('8192M\n')
  })

  test('an outcome that there is not is refused', async () => {
    const { code, stderr } = await estimate('--previous-outcome', 'exploded')
    expect(code).toBe(2)
    expect(stderr).toContain('--previous-outcome exploded: must be one of')
  })
})

test('confidence as an exit code: sure enough, less sure, no answer', async () => {
  const sure = (...args: readonly string[]) =>
    foresize(['confidence', '--task', 'align', '--feature', 'input_bytes=2e8', '--at-least', '0.9', ...args])
      .done
  const here = ['--estimator', pair.estimatorAddress]
  expect((await sure(...here, '--memory', '2GiB')).code).toBe(0)
  expect((await sure(...here, '--memory', '100MiB')).code).toBe(1)
  expect((await sure(...nobody, '--memory', '2GiB')).code).toBe(2)
  expect((await sure(...here, '--memory', 'much')).code).toBe(2)
})

test.each([
  ['the program', {}],
  ['Node', { FORESIZE_RUNNER: 'node' }],
])('an estimate handed to foresize run is scored, by %s', async (_, runner) => {
  const { stdout: token } = await estimate('--print', 'token')
  const kind = Object.keys(runner).length
  const run = (task: string, env: NodeJS.ProcessEnv, ...args: readonly string[]) => {
    const options = ['--task', task, '--profiler', pair.profilerAddress, '--report-within', '10s', ...args]
    return foresize(['run', ...options, '--', 'true'], { env: { ...runner, ...env } }).done
  }
  const scoredBy = async (task: string) =>
    (await pair.profile(task, (found) => countOf(found) === 1)).accuracy
  expect((await run(`option/${kind}`, {}, '--estimate-token', token.trim())).code).toBe(0)
  expect((await run(`variable/${kind}`, { FORESIZE_ESTIMATE_TOKEN: token.trim() })).code).toBe(0)
  expect((await run(`none/${kind}`, {})).code).toBe(0)
  expect(await scoredBy(`option/${kind}`)).not.toEqual([])
  expect(await scoredBy(`variable/${kind}`)).not.toEqual([])
  expect(await scoredBy(`none/${kind}`)).toEqual([])
  expect((await run(`option/${kind}`, {}, '--estimate-token', 'no base64!')).code).toBe(2)
})

test('compiled code is kept in a folder of the user alone, and where there is none nothing is lost', async () => {
  const caches = join(folder, 'caches')
  const args = ['estimate', '--task', 'x', '--or', '4GB', ...nobody]
  const unset = { NODE_COMPILE_CACHE: undefined }
  // Of what every command loads, too.
  await foresize(['--version'], { env: { ...unset, XDG_CACHE_HOME: caches } }).done
  expect(statSync(join(caches, 'foresize')).mode & 0o777).toBe(0o700)
  const [kept = ''] = readdirSync(join(caches, 'foresize'))
  expect(readdirSync(join(caches, 'foresize', kept)).length).toBeGreaterThan(5)
  const bare = await foresize(args, {
    env: { ...unset, XDG_CACHE_HOME: '/proc/nowhere', HOME: undefined },
  }).done
  expect([bare.code, bare.stdout]).toEqual([0, '4000000000\n'])
})

test('a question loads no library that only services need', async () => {
  const list = join(folder, 'loaded')
  const hook = join(folder, 'list-loaded.mjs')
  writeFileSync(
    hook,
    `import { appendFileSync } from 'node:fs'
     import { registerHooks } from 'node:module'
     registerHooks({
       load(url, context, next) {
         appendFileSync(${JSON.stringify(list)}, url + '\\n')
         return next(url, context)
       },
     })`,
  )
  const args = ['estimate', '--task', 'x', '--or', '4GB', ...nobody]
  expect((await foresize(args, { env: { NODE_OPTIONS: `--import ${hook}` } }).done).code).toBe(0)
  const libraries = readFileSync(list, 'utf8').matchAll(/.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/g)
  expect(new Set([...libraries].map(([, name]) => name))).toEqual(
    new Set([
      '@bufbuild/protobuf',
      '@grpc/grpc-js',
      '@js-sdsl/ordered-map',
      '@opentelemetry/api',
      'fastest-levenshtein',
    ]),
  )
})

describe('docs/shell.md', () => {
  const page = readFileSync(join(root, 'docs', 'shell.md'), 'utf8')
  const blocks = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block ?? '')

  test.each(blocks)('does what it says: %s', async (block) => {
    // Shows what it is called with: a cluster has its own test.
    writeFileSync(join(folder, 'sbatch'), '#!/bin/sh\nprintf "sbatch %s\\n" "$*"\n')
    chmodSync(join(folder, 'sbatch'), 0o755)
    const paste = (estimator: string) =>
      promisify(execFile)('bash', ['-euo', 'pipefail', '-c', block], {
        env: {
          ...process.env,
          PATH: `${folder}:${join(root, 'cli')}:${process.env['PATH']}`,
          FORESIZE_ESTIMATOR: estimator,
          FORESIZE_PROFILER: pair.profilerAddress,
        },
      })
    const { stdout } = await paste(pair.estimatorAddress)
    expect(stdout).not.toBe('')
    if (!block.startsWith('sbatch')) return
    expect(stdout).toMatch(/^sbatch --mem=[5-7]\d\dM job\.sh\n$/)
    expect((await paste('127.0.0.1:1')).stdout).toBe('sbatch --mem=4G job.sh\n')
  })
})
