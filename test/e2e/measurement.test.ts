import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCgroup } from '../../workers/typescript/cgroup.ts'
import { type CommandOptions, type CommandResult, runCommand } from '../../workers/typescript/command.ts'
import { findLauncher } from '../../workers/typescript/launcher.ts'
import type { UsageSample } from '../../workers/typescript/sampler.ts'
import { compile } from './support.ts'

/** Real processes that use what is known, and what we say that they used. */

let folder: string
let burn: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'foresize-burn-'))
  burn = compile('burn', folder)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Measured {
  readonly result: CommandResult
  /** The command's own account. */
  readonly own: { readonly peakBytes: number; readonly cpuSeconds: number }
  readonly samples: readonly UsageSample[]
}

async function measure(args: readonly string[], options: Partial<CommandOptions> = {}): Promise<Measured> {
  const samples: UsageSample[] = []
  const { child, done } = runCommand({
    command: burn,
    args,
    stdio: ['ignore', 'pipe', 'inherit'],
    onSample: (sample) => samples.push(sample),
    ...options,
  })
  let printed = ''
  child.stdout?.on('data', (chunk) => {
    printed += chunk
  })
  const closed = new Promise((resolve) => child.once('close', resolve))
  const result = await done
  await closed
  const [peakBytes = 0, cpuMicroseconds = 0] = printed.split(' ').map(Number)
  return { result, own: { peakBytes, cpuSeconds: cpuMicroseconds / 1e6 }, samples }
}

const cpuSecondsOf = ({ used }: CommandResult) => ((used.cpuCores ?? 0) * (used.durationMs ?? 0)) / 1000
/** CPU time of a process after it has told its own. */
const endSeconds = 0.02
const share = (value: number | undefined, of: number) => (value ?? Number.NaN) / of

test('the launcher is built where the tests run', () => {
  expect(findLauncher()).toBeDefined()
})

describe.each([20e6, 200e6])('a command that holds %d bytes', (bytes) => {
  test.each([0, 100])('and burns %d ms is measured within 5 %%', async (cpuMs) => {
    const { result, own } = await measure([String(bytes), String(cpuMs)])
    expect(result.outcome).toBe('succeeded')
    expect(share(result.used.memoryBytes, own.peakBytes)).toBeGreaterThan(0.95)
    expect(share(result.used.memoryBytes, own.peakBytes)).toBeLessThan(1.05)
    expect(result.used.memoryBytes).toBeGreaterThan(bytes)
    if (cpuMs > 0) {
      expect(share(cpuSecondsOf(result), own.cpuSeconds)).toBeGreaterThan(0.95)
      expect(cpuSecondsOf(result)).toBeLessThan(own.cpuSeconds * 1.05 + endSeconds)
    }
  })
})

test('a task of 20 ms is counted, by the kernel and not by luck', async () => {
  const { result, own } = await measure(['1000000', '20'])
  expect(result.source).not.toBe('sampled')
  expect(cpuSecondsOf(result)).toBeGreaterThanOrEqual(own.cpuSeconds * 0.95)
  expect(cpuSecondsOf(result)).toBeLessThan(own.cpuSeconds * 1.05 + endSeconds)
})

test('processes that run at once are added up, in time and in memory', async () => {
  const each = 60e6
  const { result, samples } = await measure(['-c', `"$0" ${each} 400 & "$0" ${each} 400 & wait`, burn], {
    command: 'sh',
  })
  expect(result.used.memoryBytes).toBeGreaterThan(2 * each * 0.95)
  expect(result.used.memoryBytes).toBeLessThan(2 * each * 1.15)
  expect(cpuSecondsOf(result)).toBeGreaterThan(0.78)
  expect(cpuSecondsOf(result)).toBeLessThan(0.95)
  expect(samples.length).toBeGreaterThan(1)
})

test('processes that run one after the other need the larger, not the sum', async () => {
  const { result } = await measure(['-c', '"$0" 80000000 0; "$0" 40000000 0', burn], { command: 'sh' })
  expect(result.used.memoryBytes).toBeGreaterThan(80e6)
  expect(result.used.memoryBytes).toBeLessThan(90e6)
})

test('CPU in samples adds up to what the samples saw', async () => {
  const { result, samples } = await measure(['1000000', '600'], { intervalMs: 50 })
  let beforeMs = 0
  let cpuSeconds = 0
  for (const { elapsedMs, cpuCores = 0 } of samples) {
    expect(elapsedMs).toBeGreaterThan(beforeMs)
    cpuSeconds += (cpuCores * (elapsedMs - beforeMs)) / 1000
    beforeMs = elapsedMs
  }
  expect(cpuSeconds).toBeLessThanOrEqual(cpuSecondsOf(result) * 1.05 + 0.02)
  expect(cpuSeconds).toBeGreaterThan(0)
})

describe('without the launcher', () => {
  test('a command is sampled, and says so', async () => {
    const { result, own } = await measure(['50000000', '500'], { launcher: null })
    expect(result.source).toBe('sampled')
    expect(share(result.used.memoryBytes, own.peakBytes)).toBeGreaterThan(0.95)
    expect(share(result.used.memoryBytes, own.peakBytes)).toBeLessThan(1.05)
  })

  test('a command that cannot be executed is told from one that failed', async () => {
    const { result } = await measure([], { launcher: null, command: 'no-such-command' })
    expect(result).toMatchObject({ refused: 'ENOENT', exitCode: 127, outcome: 'failed' })
  })
})

test.each([
  ['exit 3', { exitCode: 3, signal: undefined, outcome: 'failed' }],
  ['kill -KILL $$', { exitCode: undefined, signal: 'SIGKILL', outcome: 'failed' }],
  ['kill -SEGV $$', { exitCode: undefined, signal: 'SIGSEGV', outcome: 'failed' }],
])('sh -c %j', async (script, expected) => {
  const { result } = await measure(['-c', script], { command: 'sh' })
  expect(result).toMatchObject(expected)
})

test('a file that may not be executed is refused as a shell would', async () => {
  const { result } = await measure([], { command: join(import.meta.dirname, 'burn.c') })
  expect(result).toMatchObject({ refused: 'EACCES', exitCode: 126 })
})

test('over its time it is asked to stop, then made to', async () => {
  const { result } = await measure(['-c', 'trap "" TERM; while :; do :; done'], {
    command: 'sh',
    timeLimitMs: 200,
    killGraceMs: 200,
  })
  expect(result).toMatchObject({ outcome: 'timed-out', signal: 'SIGKILL' })
  expect(result.used.durationMs).toBeGreaterThan(390)
})

test('a time limit beyond the longest timer stops nothing early', async () => {
  const { result } = await measure(['-c', 'sleep 0.3'], { command: 'sh', timeLimitMs: 30 * 86_400_000 })
  expect(result).toMatchObject({ outcome: 'succeeded', exitCode: 0 })
})

test('where a cgroup may be created the kernel holds the limit, elsewhere samples do: out of memory either way', async () => {
  const cgroup = createCgroup(`test-${process.pid}`, { versions: [2, 1] })
  cgroup?.close()
  const { result } = await measure(['100000000', '10000'], { memoryLimitBytes: 50e6 })
  expect(result).toMatchObject({ outcome: 'out-of-memory', signal: 'SIGKILL' })
  if (cgroup !== undefined) {
    expect(result.source).toBe('cgroup')
    expect(result.used.memoryBytes).toBeLessThanOrEqual(50e6)
    expect(existsSync(cgroup.procsPath)).toBe(false)
  }
})

test('without a cgroup a limit is held by samples, and every process of the tree goes', async () => {
  const { result } = await measure(['-c', `"$0" 100000000 20000 & "$0" 1000000 20000; wait`, burn], {
    command: 'sh',
    cgroup: 'off',
    memoryLimitBytes: 50e6,
  })
  expect(result).toMatchObject({ outcome: 'out-of-memory', signal: 'SIGKILL' })
  expect(result.used.durationMs).toBeLessThan(20_000)
  const processes = execFileSync('ps', ['-A', '-o', 'args='], { encoding: 'utf8' })
  expect(processes.split('\n').filter((line) => line.startsWith(burn))).toEqual([])
})

test('stopped by its owner it is cancelled', async () => {
  const running = runCommand({ command: 'sleep', args: ['30'], stdio: 'ignore' })
  await new Promise((resolve) => setTimeout(resolve, 100))
  running.kill('SIGTERM')
  expect(await running.done).toMatchObject({ outcome: 'cancelled', signal: 'SIGTERM' })
})
