import { expect, test } from 'vitest'
import type { OpenExecution } from '../../../services/profiler/domain/session.ts'
import { noUsage } from '../../../services/profiler/domain/usage.ts'
import { openExecutions } from '../../../services/profiler/open-executions.ts'
import { startOf } from '../../support/executions.ts'

const running = (namespace: string): OpenExecution => ({
  start: { ...startOf('same'), task: { namespace, task: 'task' } },
  leaseMs: 60_000,
  startedUnixMs: 0,
  lastSeenUnixMs: 0,
  totals: noUsage,
})
const sessionOf = (execution: OpenExecution) => ({
  sequence: 1,
  lastActiveUnixMs: 0,
  open: new Map([['same', execution]]),
})

test('executions of one id in two namespaces are both shown', async () => {
  const open = openExecutions({ runningIntervalMs: 1000 })
  const sessions = ['a', 'b'].map((namespace) => sessionOf(running(namespace)))
  const updates = await open.takeUpdates(sessions, 5000)
  expect(updates.map(({ task }) => task.namespace)).toEqual(['a', 'b'])
  expect(await open.takeUpdates(sessions, 5001)).toEqual([])
})

test('one that has grown in one namespace is shown there, whatever the other shows', async () => {
  const open = openExecutions({ runningIntervalMs: 1000 })
  const sessions = ['a', 'b'].map((namespace) => sessionOf(running(namespace)))
  await open.takeUpdates(sessions.slice(0, 1), 9000)
  const updates = await open.takeUpdates(sessions, 9001)
  expect(updates.map(({ task }) => task.namespace)).toEqual(['b'])
})
