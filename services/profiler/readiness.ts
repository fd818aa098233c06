import type { Clock } from '../../shared/runtime/clock.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { ProfileStore } from './store.ts'

const intervalMs = 1000

/**
 * Asks the store again and again whether it can keep what it promises, and says so of the service. A store that was well
 * at the start may be set up otherwise, or filled up, at any time. Runs until aborted.
 */
export async function readiness(
  store: ProfileStore,
  setReady: (isReady: boolean) => void,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  let problem: string | undefined = ''
  while (!signal.aborted) {
    const found = await store.check().then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
    if (signal.aborted) return
    if (found !== problem) {
      if (found !== undefined) log.error({ problem: found }, 'not ready')
      else if (problem !== '') log.info('ready again')
      problem = found
      setReady(found === undefined)
    }
    await clock.sleep(intervalMs, signal).catch(() => undefined)
  }
}
