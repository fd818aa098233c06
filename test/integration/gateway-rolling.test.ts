import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { gatewayFixture } from '../support/gateway-fixture.ts'
import { eventually, testProfiler } from '../support/profiler-service.ts'
import { callsTo, placesFor, roll, targetOf } from '../support/rolling.ts'
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts'

const stops: (() => Promise<void>)[] = []
const processes: ServiceProcess[] = []

afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop()
  for (const { child } of processes.splice(0)) if (child.exitCode === null) child.kill('SIGKILL')
})

test('estimators behind it are restarted one by one under load: no call of estimates fails', async () => {
  const profiler = await testProfiler({ store: 'memory' })
  stops.push(profiler.stop)
  const places = await placesFor(2)
  const start = async (i: number) => {
    const at = places[i]
    const started = await startServiceProcess('estimator', at?.health ?? '', [
      ...['--listen', at?.address ?? '', '--metrics-listen', at?.metrics ?? ''],
      ...['--profiler', profiler.address],
    ])
    processes.push(started)
    return started
  }
  const estimators = await Promise.all([...places.keys()].map(start))
  const gateway = await gatewayFixture({ profiler: profiler.address, estimator: targetOf(places) })
  stops.push(gateway.stop)

  let isOver = false
  let asked = 0
  const failures: unknown[] = []
  const asking = Array.from({ length: 4 }, async (_, i) => {
    for (; !isOver; asked++) {
      const answer = await gateway.post('EstimatorService/Estimate', {
        query: { task: { task: `task-${(asked + i) % 10}` } },
      })
      if (answer.status !== 200) failures.push(answer)
      await sleep(5)
    }
  })
  const underLoad = async () => {
    const before = asked
    await eventually(async () => asked > before + 50)
  }
  await underLoad()
  await roll(estimators, start, underLoad, async (i) => (await callsTo(places[i])) > 10)
  await underLoad()
  isOver = true
  await Promise.all(asking)

  expect(failures).toEqual([])
})
