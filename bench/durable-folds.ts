import { stores } from '../services/profiler/stores/index.ts'
import { followingClock, systemClock } from '../shared/runtime/clock.ts'
import { quietLog } from '../test/support/profiler-fixture.ts'
import { configOf } from '../test/support/stores.ts'
import { folding, lanes, tasks, writers } from './folding.ts'

/** One writer and many, by turns, into LMDB: a process of its own, since what it is told of its disk is told by preloading. */

export interface DurableRound {
  /** Of many writers to one. */
  readonly rateRatio: number
  /** For each fold of many writers. */
  readonly cpuMicros: number
}

export interface DurableFolds {
  readonly dataDir: string
  readonly rounds: number
  readonly runMs: number
}

process.once('message', async ({ dataDir, rounds, runMs }: DurableFolds) => {
  const store = await stores.lmdb(configOf({ store: 'lmdb', dataDir }), followingClock(systemClock), quietLog)
  const fold = folding(store)
  const all: DurableRound[] = []
  for (let round = 0; round <= rounds; round++) {
    const alone = await lanes(1, runMs, () => fold('task-0'))
    const together = await lanes(writers, runMs, (lane) => fold(`task-${lane % tasks}`))
    all.push({ rateRatio: together.perSecond / alone.perSecond, cpuMicros: together.cpuMicros })
  }
  await store.close()
  process.send?.(all.slice(1), undefined, undefined, () => process.disconnect())
})
