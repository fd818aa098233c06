import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embeddedStoreFlags, freePort, noMetrics, type RunningService, startService } from '../../cli/pair.ts'
import { call, channelCredentials, clientOptions } from '../../shared/rpc/client.ts'
import { EstimatorServiceClient } from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import type { Profile } from '../../shared/wire/gen/foresize/v1/profile.ts'
import { ProfilerServiceClient } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'

export const root = join(import.meta.dirname, '..', '..')

export interface Pair {
  readonly profilerAddress: string
  readonly estimatorAddress: string
  readonly profilerClient: ProfilerServiceClient
  readonly estimatorClient: EstimatorServiceClient
  profiler(): RunningService
  estimator(): RunningService
  startProfiler(): Promise<void>
  startEstimator(): Promise<void>
  /** The profile of a task once `accept` says yes to it; rejects after 20 s. */
  profile(task: string, accept: (profile: Profile) => boolean): Promise<Profile>
  stop(): Promise<void>
}

/** The real pair, each a process of its own, on an embedded store in a folder of its own. */
export async function startPair(): Promise<Pair> {
  const folder = mkdtempSync(join(tmpdir(), 'foresize-e2e-'))
  const profilerAddress = `127.0.0.1:${await freePort()}`
  const estimatorAddress = `127.0.0.1:${await freePort()}`
  const start = (service: 'profiler' | 'estimator') =>
    startService({
      service,
      listen: service === 'profiler' ? profilerAddress : estimatorAddress,
      flags: [
        ...(service === 'profiler' ? embeddedStoreFlags(folder) : ['--profiler', profilerAddress]),
        noMetrics,
      ],
      onLog: () => {},
    })
  let profiler = await start('profiler')
  let estimator = await start('estimator')
  const credentials = channelCredentials({ target: profilerAddress })
  const profilerClient = new ProfilerServiceClient(profilerAddress, credentials, clientOptions)
  const estimatorClient = new EstimatorServiceClient(estimatorAddress, credentials, clientOptions)
  return {
    profilerAddress,
    estimatorAddress,
    profilerClient,
    estimatorClient,
    profiler: () => profiler,
    estimator: () => estimator,
    async startProfiler() {
      profiler = await start('profiler')
    },
    async startEstimator() {
      estimator = await start('estimator')
    },
    profile: (task, accept) =>
      eventually(async () => {
        const request = { key: { namespace: 'default', kind: 1, task } } as const
        const { profile } = await call(profilerClient.getProfile.bind(profilerClient), request, 5000)
        return profile !== undefined && accept(profile) ? profile : undefined
      }),
    async stop() {
      profilerClient.close()
      estimatorClient.close()
      await estimator.stop()
      await profiler.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The first answer that is not undefined; a rejection counts as none. Rejects after 20 s with the last one. */
export async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  const endMs = performance.now() + 20_000
  let last: unknown = new Error('never')
  while (performance.now() < endMs) {
    try {
      const answer = await ask()
      if (answer !== undefined) return answer
    } catch (error) {
      last = error
    }
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw last
}

export function countOf(profile: Profile): number {
  return profile.outcomes.reduce((sum, { count }) => sum + count, 0)
}

export interface Finished {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly pid: number
  kill(signal: NodeJS.Signals): void
  /** Resolves once standard output holds `text`. */
  prints(text: string): Promise<void>
  readonly done: Promise<Finished>
}

/** The command as a person types it. */
export function foresize(
  args: readonly string[],
  options: { stdin?: string; env?: NodeJS.ProcessEnv } = {},
): Started {
  const child = spawn(join(root, 'cli', 'foresize'), args, {
    cwd: root,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  child.stdin.on('error', () => {})
  child.stdin.end(options.stdin ?? '')
  const done = new Promise<Finished>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  return {
    pid: child.pid ?? 0,
    kill: (signal) => void child.kill(signal),
    async prints(text) {
      await eventually(async () => (stdout.includes(text) ? true : undefined))
    },
    done,
  }
}

/** Compiles a C program of this folder; the path of what came out. */
export function compile(name: string, folder: string): string {
  const out = join(folder, name)
  execFileSync('cc', ['-O1', '-o', out, join(import.meta.dirname, `${name}.c`)])
  return out
}
