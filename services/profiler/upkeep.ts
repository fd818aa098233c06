import type { Clock } from '../../shared/runtime/clock.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { Ingestion } from './ingestion.ts'
import type { ProfileStore } from './store.ts'

const tickMs = 1000
const sweepMs = 3_600_000

/** What has to be done by the clock: leases every second, old profiles every hour. Runs until aborted. */
export async function upkeep(
  ingestion: Ingestion,
  store: ProfileStore,
  profileTtlMs: number,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  let nextSweepMs = clock.monotonicMs()
  while (!signal.aborted) {
    await attempt('the tick', () => ingestion.tick(), log)
    if (clock.monotonicMs() >= nextSweepMs) {
      nextSweepMs += sweepMs
      await attempt('the sweep', () => sweep(store, clock.nowUnixMs() - profileTtlMs, log), log)
    }
    await clock.sleep(tickMs, signal).catch(() => undefined)
  }
}

async function sweep(store: ProfileStore, lastSeenBeforeUnixMs: number, log: Log): Promise<void> {
  const profiles = await store.sweep(lastSeenBeforeUnixMs)
  if (profiles > 0) log.info({ profiles }, 'old profiles were deleted')
}

/** A store that is away now may be back at the next tick. */
async function attempt(what: string, action: () => Promise<void>, log: Log): Promise<void> {
  try {
    await action()
  } catch (error) {
    log.warn({ err: error }, `${what} failed`)
  }
}
