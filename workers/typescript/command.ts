import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { MeasurementSource, Outcome } from '../../shared/domain/execution.ts'
import type { Resources } from '../../shared/domain/resources.ts'
import { requireNode } from '../../shared/runtime/node-version.ts'
import { type Cgroup, createCgroup } from './cgroup.ts'
import { findLauncher, type LauncherReport, parseReport } from './launcher.ts'
import { startLongTimer } from './long-timer.ts'
import { treeReader } from './process-tree.ts'
import { type SamplerOptions, startSampler, type UsageSample } from './sampler.ts'

export interface CommandOptions extends SamplerOptions {
  readonly command: string
  readonly args?: readonly string[]
  readonly cwd?: string | undefined
  readonly env?: NodeJS.ProcessEnv | undefined
  /** Of the command's streams 0 to 2. Default `inherit`. */
  readonly stdio?: 'inherit' | 'ignore' | 'pipe' | readonly ('inherit' | 'ignore' | 'pipe' | number)[]
  readonly onSample?: ((sample: UsageSample) => void) | undefined
  /**
   * `auto`: a cgroup of its own where v2 lets us create one, and with v1, whose joining costs the command about 10 ms,
   * only to hold a memory limit. `off`: never. Default `auto`.
   */
  readonly cgroup?: 'auto' | 'off'
  /** Killed above it: by the kernel where a cgroup may be created, elsewhere once a sample shows it. */
  readonly memoryLimitBytes?: number | undefined
  /** Stopped after it: SIGTERM, then SIGKILL after `killGraceMs`. */
  readonly timeLimitMs?: number | undefined
  /** Default 5000. */
  readonly killGraceMs?: number
  /** Path of the launcher; `null` does without. Default: the one built beside this module. */
  readonly launcher?: string | null | undefined
}

export interface CommandResult {
  /** Undefined where a signal ended it. */
  readonly exitCode: number | undefined
  readonly signal: NodeJS.Signals | undefined
  readonly outcome: Outcome
  readonly used: Resources
  /** Who measured `used.memoryBytes`. */
  readonly source: MeasurementSource
  /** `errno` name of a command that could not be executed, for example ENOENT. */
  readonly refused: string | undefined
}

export interface RunningCommand {
  readonly child: ChildProcess
  /** Passes a signal on to the command. */
  kill(signal: NodeJS.Signals): void
  /** The command was sent it by another, a terminal: what ends by it was asked to. */
  wasSent(signal: NodeJS.Signals): void
  /** Never rejects. */
  readonly done: Promise<CommandResult>
}

/**
 * Runs a command and measures its whole process tree. In falling order of exactness: a cgroup of its own, the rusage
 * of the launcher, samples. Peak memory is the largest that any of them saw, since each of the last two can only miss.
 */
export function runCommand(options: CommandOptions): RunningCommand {
  requireNode()
  const launcher = options.launcher === undefined ? findLauncher() : (options.launcher ?? undefined)
  const cgroup =
    launcher === undefined || options.cgroup === 'off'
      ? undefined
      : createCgroup(randomUUID(), { versions: options.memoryLimitBytes === undefined ? [2] : [2, 1] })
  const { memoryLimitBytes } = options
  const sampledLimitBytes =
    memoryLimitBytes === undefined || cgroup?.limitMemory(memoryLimitBytes) === true
      ? undefined
      : memoryLimitBytes
  const oomKillsBefore = systemOomKills()
  const startedMs = performance.now()

  const streams = streamsOf(options.stdio ?? 'inherit')
  const args = [...(options.args ?? [])]
  const child =
    launcher === undefined
      ? spawn(options.command, args, { cwd: options.cwd, env: options.env, stdio: streams })
      : spawn(launcher, ['3', cgroup?.procsPath ?? '-', options.command, ...args], {
          cwd: options.cwd,
          env: options.env,
          stdio: [...streams, 'pipe'],
        })

  const reports: LauncherReport[] = []
  const stopReading = launcher === undefined ? undefined : readReports(child, reports)
  const tree =
    child.pid === undefined ? undefined : treeReader(child.pid, { isLauncher: launcher !== undefined })
  let timedOut = false
  let overLimit = false
  let stoppedBy: NodeJS.Signals | undefined

  function onSample(sample: UsageSample): void {
    options.onSample?.(sample)
    if (overLimit || sampledLimitBytes === undefined || (sample.memoryBytes ?? 0) <= sampledLimitBytes) return
    overLimit = true
    killTree()
  }
  const samplerOptions = launcher === undefined ? options : { firstMs: 50, ...options }
  const sampler = tree === undefined ? undefined : startSampler(tree, onSample, samplerOptions)

  function kill(signal: NodeJS.Signals): void {
    if (child.exitCode !== null || child.signalCode !== null) return
    stoppedBy = signal
    if (signal === 'SIGKILL') killTree()
    else child.kill(signal)
  }
  /** Nobody can pass SIGKILL on: it goes to every process of the tree, and the launcher lives to report it. */
  function killTree(): void {
    const started = reports.find((report) => report.kind === 'started')
    if (started !== undefined) killProcess(started.pid)
    else if (launcher === undefined) child.kill('SIGKILL')
    const killMembers = () => {
      for (const pid of tree?.pids() ?? []) killProcess(pid)
    }
    tree?.read().then(killMembers, killMembers)
  }
  const stopTimers: (() => void)[] = []
  if (options.timeLimitMs !== undefined) {
    const stop = () => {
      timedOut = true
      kill('SIGTERM')
      stopTimers.push(startLongTimer(() => kill('SIGKILL'), options.killGraceMs ?? 5000))
    }
    stopTimers.push(startLongTimer(stop, options.timeLimitMs))
  }

  const done = ended(child).then(async (exit): Promise<CommandResult> => {
    const sampledWallMs = performance.now() - startedMs
    for (const stopTimer of stopTimers) stopTimer()
    sampler?.stop()
    await stopReading?.()
    const counted = reports.find((report) => report.kind === 'ended')
    const refusedBy = reports.find((report) => report.kind === 'refused')
    const charged = cgroup?.usage()
    // A command that could not join has charged nothing.
    const group = (charged?.peakBytes ?? 0) > 0 ? charged : undefined
    cgroup?.close()
    const exitCode = counted === undefined ? exit.code : counted.by === 'exit' ? counted.number : undefined
    const signal =
      counted === undefined ? exit.signal : counted.by === 'signal' ? signalName(counted.number) : undefined
    const refused =
      exit.error ?? (refusedBy === undefined ? undefined : (errorName(refusedBy.errno) ?? 'EUNKNOWN'))

    const seen = sampler?.last()
    const wallMs = counted?.wallMs ?? sampledWallMs
    const cpuSeconds = group?.cpuSeconds ?? counted?.cpuSeconds ?? seen?.cpuSeconds
    const memory = peakMemory(group, counted?.peakMemoryBytes, seen?.peakMemoryBytes)
    const oomKilled =
      overLimit ||
      (group?.oomKills ?? 0) > 0 ||
      ((signal === 'SIGKILL' || exitCode === 137) && systemOomKills() > oomKillsBefore)
    return {
      exitCode: refused === undefined ? exitCode : refused === 'ENOENT' ? 127 : 126,
      signal,
      outcome: outcomeOf({ exitCode, signal, refused, timedOut, stoppedBy, oomKilled }),
      used: {
        durationMs: wallMs,
        ...(cpuSeconds === undefined || wallMs <= 0 ? {} : { cpuCores: (cpuSeconds * 1000) / wallMs }),
        ...(memory.bytes === undefined ? {} : { memoryBytes: memory.bytes }),
      },
      source: memory.source,
      refused,
    }
  })

  const wasSent = (signal: NodeJS.Signals) => {
    stoppedBy = signal
  }
  return { child, kill, wasSent, done }
}

/** The kernel's two accounts of one and the same peak differ by about this much: it sums them per CPU, lazily. */
const counterDrift = { share: 0.02, bytes: 2 ** 19 }

/**
 * The cgroup's peak includes page cache, which the kernel gives back when asked: without what is left of the cache it
 * is a lower bound of the need, as the other two are, and it bounds them all from above.
 */
export function peakMemory(
  group: ReturnType<Cgroup['usage']> | undefined,
  rusageBytes: number | undefined,
  sampledBytes: number | undefined,
): { readonly bytes: number | undefined; readonly source: MeasurementSource } {
  if (group?.peakBytes !== undefined && group.peakBytes > 0) {
    const withoutCache = group.peakBytes - (group.cacheBytes ?? 0)
    const bytes = Math.min(group.peakBytes, Math.max(withoutCache, sampledBytes ?? 0))
    return { bytes, source: 'cgroup' }
  }
  if (
    rusageBytes !== undefined &&
    rusageBytes >= (sampledBytes ?? 0) * (1 - counterDrift.share) - counterDrift.bytes
  ) {
    return { bytes: Math.max(rusageBytes, sampledBytes ?? 0), source: 'rusage' }
  }
  return sampledBytes === undefined
    ? { bytes: undefined, source: 'unknown' }
    : { bytes: sampledBytes, source: 'sampled' }
}

interface Ending {
  readonly exitCode: number | undefined
  readonly signal: NodeJS.Signals | undefined
  readonly refused: string | undefined
  readonly timedOut: boolean
  /** The last signal that we were asked to pass on. */
  readonly stoppedBy: NodeJS.Signals | undefined
  readonly oomKilled: boolean
}

export function outcomeOf(ending: Ending): Outcome {
  const { exitCode, signal, refused, timedOut, stoppedBy, oomKilled } = ending
  if (refused !== undefined) return 'failed'
  if (exitCode === 0) return 'succeeded'
  if (oomKilled) return 'out-of-memory'
  if (timedOut) return 'timed-out'
  const asked =
    stoppedBy !== undefined && (signal === stoppedBy || exitCode === 128 + constants.signals[stoppedBy])
  return asked ? 'cancelled' : 'failed'
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {}
}

type Streams = Exclude<StdioOptions, string>

function streamsOf(stdio: NonNullable<CommandOptions['stdio']>): Streams {
  return typeof stdio === 'string' ? [stdio, stdio, stdio] : [...stdio]
}

function readReports(child: ChildProcess, reports: LauncherReport[]): () => Promise<void> {
  const pipe = child.stdio[3] as Readable | null | undefined
  if (pipe === null || pipe === undefined) return async () => {}
  pipe.on('error', () => {})
  const lines = createInterface({ input: pipe })
  lines.on('line', (line) => {
    const report = parseReport(line)
    if (report !== undefined) reports.push(report)
  })
  const closed = new Promise<void>((resolve) => lines.once('close', resolve))
  return () => closed
}

interface Exit {
  readonly code: number | undefined
  readonly signal: NodeJS.Signals | undefined
  readonly error: string | undefined
}

/** Resolves when the process has ended; its streams may still hold data. */
function ended(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined) {
        resolve({ code: undefined, signal: undefined, error: error.code ?? 'EUNKNOWN' })
      }
    })
    child.once('exit', (code, signal) =>
      resolve({ code: code ?? undefined, signal: signal ?? undefined, error: undefined }),
    )
  })
}

function signalName(number: number): NodeJS.Signals | undefined {
  return (Object.entries(constants.signals) as [NodeJS.Signals, number][]).find(
    ([, value]) => value === number,
  )?.[0]
}

function errorName(number: number): string | undefined {
  return Object.entries(constants.errno).find(([, value]) => value === number)?.[0]
}

/** Processes that the kernel has killed for memory since boot, anywhere on this host; 0 where it does not say. */
function systemOomKills(): number {
  try {
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}
