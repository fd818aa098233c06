import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isServing } from '../../cli/health-check.ts'
import { freePort } from '../../cli/pair.ts'

/** The profiler as a process of its own, on one port whatever happens to it. */
export interface ProfilerProcess {
  readonly address: string
  child(): ChildProcess
  /** Starts it and waits until it serves. Resolves to the milliseconds that took; undefined where it ended before. */
  start(environment?: Readonly<Record<string, string>>): Promise<number | undefined>
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Its log so far. */
  log(): string
}

const entry = join(import.meta.dirname, '..', '..', 'services', 'profiler', 'main.ts')

export async function profilerProcess(flags: readonly string[]): Promise<ProfilerProcess> {
  const address = `127.0.0.1:${await freePort()}`
  let child: ChildProcess | undefined
  let log = ''
  const hasEnded = () => child?.exitCode !== null || child.signalCode !== null

  return {
    address,
    child: () => child as ChildProcess,
    async start(environment = {}) {
      const startedMs = performance.now()
      child = spawn(
        process.execPath,
        [entry, '--listen', address, '--metrics-listen', '', '--log-level', 'warn', ...flags],
        {
          env: { ...process.env, ...environment },
          stdio: ['ignore', 'ignore', 'pipe'],
        },
      )
      child.stderr?.on('data', (data: Buffer) => {
        log = (log + data.toString()).slice(-20_000)
      })
      while (!hasEnded()) {
        if (await isServing(address, 500)) return performance.now() - startedMs
        await sleep(100)
      }
      return undefined
    },
    async kill(signal = 'SIGKILL') {
      if (!child || hasEnded()) return
      const ended = once(child, 'exit')
      child.kill(signal)
      await ended
    },
    log: () => log,
  }
}
