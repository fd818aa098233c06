import { committer } from '../services/profiler/committer.ts'
import { defaultFoldSettings } from '../services/profiler/domain/fold.ts'
import type { ProfileStore } from '../services/profiler/store.ts'
import { heldBytes } from '../shared/runtime/held-bytes.ts'
import { recordOf } from '../test/support/executions.ts'
import { configOf } from '../test/support/stores.ts'

/** Executions folded by writers that each wait until their own is stored. */

export const tasks = 8
export const writers = 64

export const settings = { ...defaultFoldSettings, ...configOf({ maxOpenExecutionsPerSession: 100_000 }) }

let ids = 0

export const folding = (store: ProfileStore) => {
  const commits = committer(store, Date.now, settings, heldBytes(settings))
  return (task: string) =>
    commits.submit({ finished: [recordOf(`e${ids++}`, undefined, { task: { namespace: 'bench', task } })] })
}

export interface Lanes {
  readonly perSecond: number
  /** Of this process for each operation. */
  readonly cpuMicros: number
}

/** So many lanes, each waiting for its own operation before the next. */
export async function lanes(
  count: number,
  runMs: number,
  operation: (lane: number, turn: number) => Promise<unknown>,
): Promise<Lanes> {
  const startMs = performance.now()
  const startCpu = process.cpuUsage()
  let operations = 0
  await Promise.all(
    Array.from({ length: count }, async (_, lane) => {
      for (let turn = 0; performance.now() - startMs < runMs; turn++) {
        await operation(lane, turn)
        operations += 1
      }
    }),
  )
  const { user, system } = process.cpuUsage(startCpu)
  const perSecond = (operations * 1000) / (performance.now() - startMs)
  return { perSecond, cpuMicros: (user + system) / operations }
}
