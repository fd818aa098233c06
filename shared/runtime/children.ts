import cluster from 'node:cluster'
import type { ToChild, ToPrimary } from './child-process.ts'
import type { Clock } from './clock.ts'
import { stopWithStdinVariable } from './lifecycle.ts'
import type { Log } from './log.ts'

/** One of the processes that the primary looks after. */
export interface Child {
  isHealthy(): boolean
  tell(message: ToChild): void
  onMessage(listener: (message: ToPrimary) => void): void
}

export interface ChildrenSettings {
  readonly count: number
  /** One that says nothing for so long is ended, and started again. */
  readonly silenceMs: number
  /** One that was told to stop is ended after so long. */
  readonly stopWithinMs: number
}

export interface ChildrenParts {
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly log: Log
  readonly onStart: (child: Child) => void
  readonly onEnd: (child: Child) => void
}

export interface Children {
  /** Resolves once one is healthy. Rejects where one ended before any was. */
  readonly started: Promise<void>
  /** Those that serve. */
  healthy(): number
  /** Ended without being told to. */
  lost(): number
  stop(): Promise<void>
}

interface Live {
  readonly child: Child
  readonly pid: number | undefined
  readonly kill: () => void
  readonly ended: Promise<void>
  /** Since it last spoke; undefined before it has: how long a start takes is the machine's matter. */
  silentTicks: number | undefined
}

/** The wait before one that ended is started again doubles up to the longest; one that lived for so long begins with the first. */
const [firstWaitMs, longestWaitMs] = [100, 10_000]

/** Silence is counted in ticks, so that a machine that slept ends nobody. */
const tickMs = 1000

/**
 * Starts this program `count` times more, each started again where it ends by itself or falls silent. They listen through this
 * process (node:cluster), which hands each new connection to the next of them.
 */
export function startChildren(settings: ChildrenSettings, parts: ChildrenParts): Children {
  const { clock, log } = parts
  cluster.schedulingPolicy = cluster.SCHED_RR
  cluster.setupPrimary({ stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' })
  const all = new Set<Live>()
  const waits = new Set<NodeJS.Timeout>()
  const started = Promise.withResolvers<void>()
  let hasStarted = false
  let isStopping = false
  let lost = 0

  /** @param waitMs before it is started again, should it end soon. */
  function start(waitMs: number): void {
    const worker = cluster.fork({ [stopWithStdinVariable]: '' })
    const { pid } = worker.process
    const startedAtMs = clock.monotonicMs()
    const ended = Promise.withResolvers<void>()
    let isHealthy = false
    const child: Child = {
      isHealthy: () => isHealthy,
      tell(message) {
        if (worker.isConnected()) worker.send(message)
      },
      onMessage: (listener) => worker.on('message', listener),
    }
    const live: Live = {
      child,
      pid,
      kill: () => worker.process.kill('SIGKILL'),
      ended: ended.promise,
      silentTicks: undefined,
    }
    all.add(live)
    child.onMessage((message) => {
      live.silentTicks = 0
      if (message.kind !== 'beat') return
      isHealthy = message.isHealthy
      if (!isHealthy) return
      hasStarted = true
      started.resolve()
    })
    parts.onStart(child)

    function onEnd(reason: object): void {
      if (!all.delete(live)) return
      ended.resolve()
      parts.onEnd(child)
      if (isStopping) return
      lost += 1
      if (!hasStarted) {
        started.reject(new Error('a process ended before it served'))
        return
      }
      const hasLived = clock.monotonicMs() - startedAtMs >= longestWaitMs
      startLater({ ...reason, pid }, hasLived ? firstWaitMs : waitMs)
    }
    worker.once('exit', (code, signal) => onEnd({ code, signal }))
    worker.once('error', (error) => onEnd({ err: error }))
  }

  function startLater(reason: object, waitMs: number): void {
    log.error({ ...reason, waitMs }, 'a process ended, and is started again')
    const wait = setTimeout(() => {
      waits.delete(wait)
      start(Math.min(2 * waitMs, longestWaitMs))
    }, waitMs)
    waits.add(wait)
  }

  const watch = setInterval(() => {
    for (const live of all) {
      if (live.silentTicks === undefined) continue
      live.silentTicks += 1
      if (live.silentTicks * tickMs <= settings.silenceMs) continue
      log.error({ pid: live.pid, silenceMs: settings.silenceMs }, 'a process is silent, and is ended')
      live.kill()
    }
  }, tickMs)

  for (let i = 0; i < settings.count; i++) start(firstWaitMs)

  return {
    started: started.promise,
    healthy: () => [...all].filter(({ child }) => child.isHealthy()).length,
    lost: () => lost,
    async stop() {
      isStopping = true
      clearInterval(watch)
      for (const wait of waits) clearTimeout(wait)
      for (const { child } of all) child.tell({ kind: 'stop' })
      const late = setTimeout(() => {
        for (const { kill } of all) kill()
      }, settings.stopWithinMs)
      await Promise.all([...all].map(({ ended }) => ended))
      clearTimeout(late)
    },
  }
}
