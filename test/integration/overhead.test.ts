import { afterEach, expect, test } from 'vitest'
import { createEstimatorClient } from '../../services/scheduler/client.ts'
import { createSizer } from '../../services/scheduler/sizer.ts'
import { EstimateToken } from '../../shared/wire/gen/foresize/internal/v1/estimate_token.ts'
import { type Estimate, EstimateSource } from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { estimatorFixture } from '../support/estimator-fixture.ts'
import { linearHistory, profileOf } from '../support/histories.ts'
import { profileFeed } from '../support/profile-feed.ts'

/** What wraps a task under the same limit: the estimator adds it, unless who asks says how much it is. */

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const wrap = 150e6

async function twoEstimators() {
  const profiler = await profileFeed()
  profiler.put(profileOf(linearHistory(30)))
  const plain = await estimatorFixture({ profiler: profiler.address })
  const wrapped = await estimatorFixture({ profiler: profiler.address, overheadMemoryBytes: wrap })
  closing.push(profiler.close, plain.close, wrapped.close)
  const isLearned = ({ source }: Estimate) => source === EstimateSource.ESTIMATE_SOURCE_PROFILE
  await plain.estimateUntil(isLearned)
  await wrapped.estimateUntil(isLearned)
  return { plain, wrapped }
}

const memoryOf = ({ resources }: Estimate) => resources?.memoryBytes ?? 0
const features = { input_bytes: 20e6 }

test('it is added to what was learned, the answer says so, and the estimate is scored without it', async () => {
  const { plain, wrapped } = await twoEstimators()
  const [without, with_] = [await plain.estimate({ features }), await wrapped.estimate({ features })]

  expect(memoryOf(with_)).toBeCloseTo(memoryOf(without) + wrap, -1)
  expect(with_.confidence).toBeCloseTo(without.confidence, 9)
  expect(with_.reason).toContain('143 MiB of memory added for what wraps the task')
  const memory = with_.dimensions.find(({ dimension }) => dimension === 2)
  expect(memory).toMatchObject({ overhead: wrap, allocation: memoryOf(with_) })
  const scored = ({ estimateToken }: Estimate) => EstimateToken.decode(estimateToken).dimensions
  expect(scored(with_)[0]?.allocation).toBeCloseTo(scored(without)[0]?.allocation ?? 0, -1)
})

test('an amount is as sure as it is without what wraps the task', async () => {
  const { plain, wrapped } = await twoEstimators()
  const without = await plain.confidence(200e6, { features }, true)
  const with_ = await wrapped.confidence(200e6 + wrap, { features }, true)

  expect(with_.confidence).toBeCloseTo(without.confidence, 9)
  expect(with_.dimensions[0]?.allocation).toBe(200e6 + wrap)
  const amounts = ({ dimensions }: typeof without) => dimensions[0]?.curve.map(({ amount }) => amount) ?? []
  expect(amounts(with_).length).toBeGreaterThan(2)
  for (const [i, amount] of amounts(with_).entries()) {
    expect(amount).toBeCloseTo((amounts(without)[i] ?? 0) + wrap, -1)
  }
})

test('what a query says of it decides, none included', async () => {
  const { plain, wrapped } = await twoEstimators()
  const without = memoryOf(await plain.estimate({ features }))
  const asking = async (overhead: object) =>
    memoryOf(await wrapped.estimate({ features, policy: { strategies: [], overhead } }))

  expect(await asking({})).toBeCloseTo(without, -1)
  expect(await asking({ memoryBytes: 10e6 })).toBeCloseTo(without + 10e6, -1)
  await expect(asking({ memoryBytes: -1 })).rejects.toThrow('query.policy.overhead.memory_bytes')
})

test('a request is for all of it, and a bound too', async () => {
  const { wrapped } = await twoEstimators()
  const asking = async (more: Parameters<typeof wrapped.estimate>[0]) =>
    memoryOf(await wrapped.estimate(more))

  const unknown = { task: { namespace: 'default', task: 'never/seen' }, requested: { memoryBytes: 7e9 } }
  expect(await asking(unknown)).toBe(7e9)
  const bounded = { features, policy: { strategies: [], max: { memoryBytes: 200e6 } } }
  expect(await asking(bounded)).toBe(200e6)
})

test('no overhead brings an answer above what a query allows, or beyond what any amount may be', async () => {
  const { wrapped } = await twoEstimators()
  const asking = async (policy: object) => {
    const { resources, dimensions } = await wrapped.estimate({
      features,
      policy: { strategies: [], ...policy },
    })
    return [resources?.memoryBytes, dimensions.find(({ dimension }) => dimension === 2)?.allocation]
  }
  const [max, overhead] = [{ memoryBytes: 1e9 }, { memoryBytes: 1e12 }]
  expect(await asking({ max, overhead })).toEqual([1e9, 1e9])
  expect(await asking({ overhead: { memoryBytes: 1e16 } })).toEqual([1e16, 1e16])
})

test('a retry is given more than all that failed', async () => {
  const { wrapped } = await twoEstimators()
  const failed = 450e6
  const retried = await wrapped.estimate({
    features,
    attempt: 2,
    previousAllocation: { memoryBytes: failed },
    previousOutcome: 3,
  })
  expect(memoryOf(retried)).toBeGreaterThan(failed)
})

test('a scheduler adds its own in place of it', async () => {
  const { plain, wrapped } = await twoEstimators()
  const without = memoryOf(await plain.estimate({ features }))
  const client = createEstimatorClient({ target: wrapped.address, deadlineMs: 5000 })
  const task = { task: { namespace: 'default', task: 'demo/task' }, executionId: 'e', features }
  const given = async (overhead: object) => {
    const { allocated } = await createSizer(client, { overhead }).size(task)
    return allocated.memoryBytes
  }

  expect(await given({})).toBeCloseTo(without + wrap, -1)
  expect(await given({ memoryBytes: 20e6 })).toBeCloseTo(without + 20e6, -1)
  client.close()
})
