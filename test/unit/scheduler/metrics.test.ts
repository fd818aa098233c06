import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { createLearningScheduler } from '../../../services/scheduler/learning-scheduler.ts'
import { learningMetrics } from '../../../services/scheduler/metrics.ts'
import type { SizedTask } from '../../../services/scheduler/resource-aware-scheduler.ts'

test('a scheduler shows why its tasks got what they got, and how learning does', async () => {
  const client = {
    cached: () => undefined,
    estimate: async () => ({ kind: 'unavailable' as const, reason: 'gone' }),
    health: () => ({ state: 'DEGRADED' as const, reasons: ['x'] }),
    statistics: () => ({ asks: 9, cached: 4, outdated: 1, unavailable: 2, calls: 7, failedCalls: 3 }),
  }
  const learning = createLearningScheduler({ schedule: async (sized: SizedTask) => sized }, client)
  const task = {
    task: { namespace: 'default', task: 'secret-name' },
    executionId: 'e',
    requested: { memoryBytes: 1000 },
  }
  await learning.schedule(task)
  learning.observe(task, { memoryBytes: 1500, durationMs: 2000 })
  const registry = new Registry()
  learningMetrics(registry, learning, client)
  const text = await registry.metrics()
  for (const line of [
    'foresize_scheduler_learning_state{state="DEGRADED"} 1',
    'foresize_scheduler_learning_state{state="HEALTHY"} 0',
    'foresize_scheduler_decisions_total{reason="unavailable"} 1',
    'foresize_scheduler_asks_total{answer="estimator"} 6',
    'foresize_scheduler_calls_total{result="failed"} 3',
    'foresize_scheduler_memory_byte_seconds_total{kind="given"} 2000',
    'foresize_scheduler_memory_byte_seconds_total{kind="used"} 3000',
    'foresize_scheduler_overruns_total{kind="given"} 1',
  ]) {
    expect(text).toContain(line)
  }
  expect(text).not.toContain('secret-name')
})
