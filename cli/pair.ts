import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { getCompileCacheDir } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { stopWithStdinVariable } from '../shared/runtime/lifecycle.ts'
import type { ProcessName } from './defaults.ts'
import { isReady, isServing } from './health-check.ts'

export interface ServiceOptions {
  readonly service: ProcessName
  /** `host:port` */
  readonly listen: string
  /** Passed to the service as they are. */
  readonly flags: readonly string[]
  /** Told of each line that the service logs. */
  readonly onLog: (line: string) => void
  /** Longest wait until it serves. Default 60,000. */
  readonly startWithinMs?: number
}

export interface RunningService {
  readonly address: string
  readonly child: ChildProcess
  /** Resolves when it has ended, with how that was and what it said last, for a person. */
  readonly ended: Promise<string>
  /** SIGTERM, and SIGKILL where it has not drained by then. Default 15,000. */
  stop(withinMs?: number): Promise<void>
}

/** Starts one service as a process of its own and waits until it says that it serves. Throws where it does not. */
export async function startService(options: ServiceOptions): Promise<RunningService> {
  const { service, listen, flags, onLog, startWithinMs = 60_000 } = options
  const isUp = service === 'gateway' ? isReady : isServing
  if (await isUp(listen, 1000)) throw new Error(`something serves at ${listen} already`)
  const folder = join(import.meta.dirname, '..', 'services', service)
  const entry = join(folder, import.meta.filename.endsWith('.ts') ? 'main.ts' : 'main.js')
  const child = spawn(process.execPath, [entry, '--listen', listen, ...flags], {
    // A signal of the terminal would reach the services too: detached, they stop in the order that we choose.
    detached: true,
    // With us gone, kill -9 included, the other end of its standard input closes, and it stops.
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...keptCompiledCode(), [stopWithStdinVariable]: '1' },
  })
  const lastLines: string[] = []
  // One that has ended reads no more.
  child.stdin.on('error', () => {})
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lastLines.push(line)
      if (lastLines.length > 20) lastLines.shift()
      onLog(line)
    })
  }
  const alone = `node services/${service}/main.ts ${['--listen', listen, ...flags].join(' ')}`
  const ended = new Promise<string>((resolve) => {
    // Not `exit`: what it said last may still be on its way.
    child.once('close', (code, signal) => {
      const how = signal === null ? `exited with ${code}` : `was ended by ${signal}`
      resolve(`the ${service} ${how}${lastWords(lastLines, signal, alone)}`)
    })
    child.once('error', (error) => resolve(`the ${service} cannot be run: ${error.message}`))
  })
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined

  async function stop(withinMs = 15_000): Promise<void> {
    if (hasEnded()) return
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), withinMs)
    await ended
    clearTimeout(timer)
  }

  const endMs = performance.now() + startWithinMs
  while (!(await isUp(listen, 1000))) {
    if (hasEnded() || performance.now() > endMs) {
      const isLate = !hasEnded()
      await stop(1000)
      const how = await ended
      throw new Error(isLate ? `the ${service} did not serve within ${startWithinMs} ms; ${how}` : how)
    }
    await Promise.race([sleep(50), ended])
  }
  return { address: listen, child, ended, stop }
}

/** Where this process keeps what it compiles, if it does: in a folder for its version of Node. */
function keptCompiledCode(): NodeJS.ProcessEnv {
  const folder = getCompileCacheDir()
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: dirname(folder) }
}

/** What to look at: what it logged last, and where more may be known. `alone`: the command that starts it by itself. */
function lastWords(lines: readonly string[], signal: NodeJS.Signals | null, alone: string): string {
  const isKilled = signal === 'SIGKILL'
  const hint = isKilled
    ? `if nobody did that, look for "out of memory" in the kernel's log (dmesg)`
    : `start it alone to see more: ${alone}`
  if (lines.length === 0) return ` without a word; ${hint}`
  const words = ['; it said last:', ...lines.map((line) => `  ${readable(line)}`)]
  return (isKilled ? [...words, hint] : words).join('\n')
}

/** A line of the log as a person reads it; any other line as it is. */
export function readable(line: string): string {
  try {
    const { level, time, service, msg, err, pid, hostname, ...fields } = JSON.parse(line) as Record<
      string,
      unknown
    >
    const more = Object.entries(fields).map(([name, value]) => ` ${name}=${shown(value)}`)
    const cause = typeof err === 'object' && err !== null && 'message' in err ? `: ${err.message}` : ''
    return `${String(time).slice(11, 19)} ${service} ${level} ${msg}${cause}${more.join('')}`
  } catch {
    return line
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** A port of this host that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** The flag of a service that shows its metrics nowhere: several pairs on one host would want the same port. */
export const noMetrics = '--metrics-listen='

/** The flags of a profiler that keeps its profiles in `folder`. */
export function embeddedStoreFlags(folder: string): readonly string[] {
  return ['--store', 'lmdb', '--data-dir', folder]
}
