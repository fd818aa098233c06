import type { Log } from './log.ts'

/** What a service runs on: the parts of `process` that it needs, so that only main.ts names it. */
export interface Host {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: { write(text: string): unknown }
  readonly stdin: { on(event: 'end' | 'error', listener: () => void): unknown; resume(): unknown }
  on(event: 'SIGTERM' | 'SIGINT', listener: () => void): unknown
  on(event: 'uncaughtException' | 'unhandledRejection', listener: (error: unknown) => void): unknown
  exit(code: number): never
}

/** Whoever starts a thing says here how it stops. */
export interface Lifecycle {
  /** Stops run one after the other, the last added first; one that is added meanwhile runs too. */
  onStop(name: string, stop: () => Promise<void> | void): void
  /** Runs every stop once. A stop that fails is logged and the next one runs. */
  stop(reason: string): Promise<void>
}

export function createLifecycle(log: Log): Lifecycle {
  const stops: { readonly name: string; readonly stop: () => Promise<void> | void }[] = []
  let stopping: Promise<void> | undefined

  async function runStops(reason: string): Promise<void> {
    log.info({ reason }, 'stopping')
    for (let part = stops.pop(); part !== undefined; part = stops.pop()) {
      try {
        await part.stop()
      } catch (error) {
        log.error({ err: error, part: part.name }, 'a part did not stop cleanly')
      }
    }
    log.info('stopped')
  }

  return {
    onStop: (name, stop) => stops.push({ name, stop }),
    stop(reason) {
      stopping ??= runStops(reason)
      return stopping
    },
  }
}

/** Set to 1 by a parent that holds the other end of standard input: a service whose parent is gone, kill -9 included, stops. */
export const stopWithStdinVariable = 'FORESIZE_STOP_WITH_STDIN'

/**
 * Starts a service and ties it to the process: SIGTERM and SIGINT stop it gently, a second one at once,
 * an error that nobody handled stops it with exit code 1.
 */
export async function runService(
  host: Host,
  log: Log,
  start: (lifecycle: Lifecycle) => Promise<void>,
): Promise<void> {
  const lifecycle = createLifecycle(log)
  let signalled = false

  const stopOn = (signal: 'SIGTERM' | 'SIGINT') => {
    if (signalled) host.exit(130)
    signalled = true
    void lifecycle.stop(signal).then(() => host.exit(0))
  }
  const fail = (error: unknown) => {
    log.fatal({ err: error }, 'unhandled error')
    void lifecycle.stop('unhandled error').then(() => host.exit(1))
  }

  host.on('SIGTERM', () => stopOn('SIGTERM'))
  host.on('SIGINT', () => stopOn('SIGINT'))
  if (host.env[stopWithStdinVariable] === '1') {
    for (const event of ['end', 'error'] as const) {
      host.stdin.on(event, () => void lifecycle.stop('the parent is gone').then(() => host.exit(0)))
    }
    host.stdin.resume()
  }
  host.on('uncaughtException', fail)
  host.on('unhandledRejection', fail)
  try {
    await start(lifecycle)
  } catch (error) {
    log.fatal({ err: error }, 'could not start')
    await lifecycle.stop('could not start')
    host.exit(1)
  }
}
