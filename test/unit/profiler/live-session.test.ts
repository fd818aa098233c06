import { expect, test } from 'vitest'
import { nothingWritten } from '../../../services/profiler/checkpoint.ts'
import type { Unit } from '../../../services/profiler/committer.ts'
import { newSession } from '../../../services/profiler/domain/session.ts'
import { liveSession } from '../../../services/profiler/live-session.ts'
import { startOf } from '../../support/executions.ts'

test('a batch that its client streams may wait for more and says whether it is ahead, one that somebody waits for may not', async () => {
  const units: Unit[] = []
  const session = liveSession({
    ...{ id: 's', owner: 'me', state: newSession(0), written: nothingWritten, idleSessionTtlMs: 1000 },
    committer: {
      submit: async (unit) => {
        units.push(unit)
        return { folded: [], fenced: false }
      },
      overflowed: () => 0,
      idle: async () => undefined,
    },
    limits: {
      maxOpenExecutionsPerSession: 10,
      refuseOpen: () => undefined,
      refuseNamespace: () => undefined,
    },
    onSubmitted: () => undefined,
  })
  const batch = (sequence: number) => ({
    sequence,
    starts: [{ start: startOf(`e${sequence}`), leaseMs: 1000, path: '' }],
    samples: [],
    ends: [],
  })
  await session.apply(batch(1), 1)?.durable
  units[0]?.session?.stored()
  await session.applyOwn(batch(2), 2).durable
  units[1]?.session?.stored()
  await Promise.all([session.apply(batch(3), 3)?.durable, session.apply(batch(4), 4)?.durable])
  expect(units.map(({ streamed }) => streamed?.isAhead)).toEqual([false, undefined, false, true])
  const streams = new Set(units.flatMap(({ streamed }) => streamed?.stream ?? []))
  expect(streams.size).toBe(1)
})
