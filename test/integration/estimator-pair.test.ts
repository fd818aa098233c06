import { afterEach, expect, test } from 'vitest'
import { strategies } from '../../services/estimator/domain/strategies/index.ts'
import type { Registry } from '../../services/estimator/domain/strategies/strategy.ts'
import { call } from '../../shared/rpc/client.ts'
import { fromExecutionStart } from '../../shared/wire/execution.ts'
import type { Estimate } from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { estimatorFixture } from '../support/estimator-fixture.ts'
import { execution, linearHistory } from '../support/histories.ts'
import { pairFixture } from '../support/pair-fixture.ts'

const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function pair(registry?: Registry) {
  const services = await pairFixture(registry)
  closing.push(services.close)
  return services
}

const key = { namespace: 'default', task: 'demo/task' }
const memory = ({ dimensions }: Estimate) => dimensions.find(({ dimension }) => dimension === 2)

test('what is reported to the profiler is estimated by the estimator, and scored where the token comes back', async () => {
  const { report, estimator } = await pair()
  const history = linearHistory(12)
  for (const [i, record] of history.entries()) {
    const { estimateToken } = await estimator.estimateUntil(({ executions }) => executions >= i, {
      features: record.features,
    })
    await report({ ...record, estimateToken, allocated: { memoryBytes: 4e9 } })
  }
  await estimator.estimateUntil(({ executions }) => executions === history.length)

  const { client } = estimator
  const { accuracy } = await call(client.getAccuracy.bind(client), { task: key }, 5000)
  const scored = accuracy.filter(({ dimension }) => dimension === 2)

  expect(scored.map(({ strategy }) => strategy)).toContain('foresize')
  expect(scored.map(({ strategy }) => strategy)).toContain('linear-regression')
  const own = scored.find(({ strategy }) => strategy === 'foresize')
  expect(own?.executions).toBe(history.length)
  expect(own?.coverage).toBeGreaterThan(0)
})

test('two estimators that follow one profiler, and one that comes late, answer to the bit the same', async () => {
  const { report, estimator, profilerAddress } = await pair()
  const second = await estimatorFixture({ profiler: profilerAddress })
  closing.push(second.close)
  for (const record of linearHistory(110)) await report(record)
  const late = await estimatorFixture({ profiler: profilerAddress })
  closing.push(late.close)
  const query = { features: { input_bytes: 33e6 } }

  const answers = await Promise.all(
    [estimator, second, late].map((one) => one.estimateUntil(({ executions }) => executions === 110, query)),
  )

  const [first, ...others] = answers.map((answer) => ({ ...answer, stalenessMs: 0 }))
  for (const other of others) expect(other).toEqual(first)
})

test('a new task of a known kind starts from what its kind uses of what it requests', async () => {
  const { report, estimator } = await pair()
  for (const name of ['a', 'b', 'c', 'd']) {
    const task = { namespace: 'default', task: `flow/${name}` }
    const labels = { tool: 'bwa' }
    const requested = { memoryBytes: 8e9 }
    await report(execution(name, { task, labels, requested, used: { memoryBytes: 2e9 } }))
  }

  const answer = await estimator.estimateUntil(({ source }) => source === 2, {
    task: { namespace: 'default', task: 'flow/new' },
    labels: { tool: 'bwa' },
    requested: { memoryBytes: 16e9 },
  })

  expect(answer.resources?.memoryBytes).toBeGreaterThan(4e9)
  expect(answer.resources?.memoryBytes).toBeLessThan(10e9)
  expect(answer.reason).toContain('use of what they request')
})

test('a strategy whose record is poor is not followed, goes on being scored, and may come back', async () => {
  const state = { factor: 40 }
  const oracle: Registry[string] = {
    describe: 'the last need, many times over',
    start() {
      let last: number | undefined
      return {
        observe(_point, need) {
          last = need
        },
        predict: () => (last === undefined ? undefined : last * state.factor),
      }
    },
  }
  const { report, estimator } = await pair({ ...strategies, oracle })
  const oracleIn = (answer: Estimate) => memory(answer)?.predictions.find((p) => p.strategy === 'oracle')
  let ran = 0
  async function run(until: (answer: Estimate) => boolean, most: number): Promise<Estimate> {
    for (;;) {
      const answer = await estimator.estimateUntil(({ executions }) => executions >= ran)
      if (until(answer) || ran >= most) return answer
      await report(execution(`run-${ran++}`, { estimateToken: answer.estimateToken }))
    }
  }

  const poor = await run((answer) => oracleIn(answer)?.reason.includes('record is poor') === true, 60)
  expect(oracleIn(poor)).toMatchObject({ weight: 0, value: expect.any(Number) })

  state.factor = 1
  const back = await run((answer) => oracleIn(answer)?.reason === '', 300)
  expect(oracleIn(back)?.reason).toBe('')
})

test('a strategy whose record is poor for most tasks is taken out for all', async () => {
  const oracle: Registry[string] = {
    describe: 'ten million of whatever the unit',
    start: () => ({ observe() {}, predict: () => 1e7 }),
  }
  const { report, estimator } = await pair({ ...strategies, oracle })
  const tasks = Array.from({ length: 30 }, (_, i) => ({ namespace: 'default', task: `many/${i}` }))
  const { estimateToken } = await estimator.estimateUntil(({ reason }) => !reason.includes('did not answer'))
  for (const task of tasks) await report(execution(`${task.task}-first`, { task, estimateToken }))
  for (const task of tasks) {
    const answer = await estimator.estimateUntil(({ executions }) => executions >= 1, { task })
    const records = Array.from({ length: 25 }, (_, i) =>
      execution(`${task.task}-${i}`, { task, estimateToken: answer.estimateToken }),
    )
    await report(...records)
  }

  for (const task of tasks) await estimator.estimateUntil(({ executions }) => executions >= 26, { task })
  const fresh = { namespace: 'default', task: 'fresh' }
  await report(execution('fresh-first', { task: fresh }))
  const answer = await estimator.estimateUntil(({ executions }) => executions === 1, { task: fresh })

  expect(memory(answer)?.predictions.find(({ strategy }) => strategy === 'oracle')).toMatchObject({
    value: 1e7,
    weight: 0,
    reason: expect.stringContaining('breaker open'),
  })
})

test('the first of a burst tells the others what it uses before it has ended', async () => {
  const { profiler, estimator } = await pair()
  const task = { namespace: 'default', task: 'burst' }
  const first = await estimator.estimateUntil(({ reason }) => !reason.includes('did not answer'), { task })
  const stream = profiler.streamUsage()
  stream.on('error', () => {})
  stream.on('data', () => {})
  const start = {
    ...fromExecutionStart({ ...execution('burst-1'), task }),
    leaseMs: 60_000,
  }
  const samples = { ...noColumns, executionId: 'burst-1', elapsedDeltaMs: [1000], memoryBytes: [9e9] }
  stream.write({ message: { $case: 'open', value: { sessionId: 'burst', client: 'test' } } })
  stream.write({
    message: { $case: 'batch', value: { sequence: 1, starts: [start], samples: [samples], ends: [] } },
  })

  const second = await estimator.estimateUntil(({ resources }) => (resources?.memoryBytes ?? 0) > 9e9, {
    task,
  })
  stream.end()

  expect(first.resources?.memoryBytes).toBe(4e9)
  expect(second.reason).toContain('running executions use more already')
})

const noColumns = { cpuCores: [], memoryBytes: [], diskBytes: [], gpuMemoryBytes: [] }
