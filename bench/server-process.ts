import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, type RunningService, startService } from '../cli/pair.ts'
import type { Canned } from './echo-server.ts'

/** A server under load: where it is, and what CPU time it has used so far. */
export interface ServerProcess {
  readonly address: string
  cpuSeconds(): number
  residentBytes(): number
  stop(): Promise<void>
}

/** USER_HZ of every Linux that Node runs on. */
const ticksPerSecond = 100

/** User and system time of all threads of a process, from /proc: the server itself runs no line for it. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

export function residentBytesOf(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kibibytes) * 1024
}

export function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('the process did not start')
  return child.pid
}

/** The bare grpc-js server, in a process of its own, answering with the messages given. */
export async function startEcho(canned: Canned): Promise<ServerProcess> {
  const child = fork(join(import.meta.dirname, 'echo-server.ts'), { serialization: 'advanced' })
  child.send(canned)
  const [address] = (await once(child, 'message')) as [string]
  return {
    address,
    cpuSeconds: () => cpuSecondsOf(pidOf(child)),
    residentBytes: () => residentBytesOf(pidOf(child)),
    async stop() {
      child.kill('SIGTERM')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}

export interface Pair {
  readonly profiler: ServerProcess
  readonly estimator: ServerProcess
  stop(): Promise<void>
}

/** The two services, each a process of its own, on a store that is new. `flags`: of the profiler. */
export async function startPair(
  store: 'memory' | 'lmdb' | 'redis',
  flags: readonly string[] = [],
): Promise<Pair> {
  const folder = await mkdtemp(join(tmpdir(), 'foresize-bench-'))
  const started: RunningService[] = []
  const stop = async () => {
    for (const service of started.toReversed()) await service.stop()
    await rm(folder, { recursive: true, force: true })
  }
  const start = async (
    service: 'profiler' | 'estimator',
    more: readonly string[],
  ): Promise<ServerProcess> => {
    const listen = `127.0.0.1:${await freePort()}`
    const running = await startService({
      service,
      listen,
      flags: [...more, '--log-level=warn', '--metrics-listen='],
      onLog,
    })
    started.push(running)
    return {
      address: listen,
      cpuSeconds: () => cpuSecondsOf(pidOf(running.child)),
      residentBytes: () => residentBytesOf(pidOf(running.child)),
      stop: () => running.stop(),
    }
  }
  try {
    const profiler = await start('profiler', ['--store', store, '--data-dir', folder, ...flags])
    const estimator = await start('estimator', ['--profiler', profiler.address])
    return { profiler, estimator, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

const onLog = (line: string) => void process.stderr.write(`${line}\n`)
