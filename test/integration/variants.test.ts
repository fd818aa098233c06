import { afterEach, expect, test } from 'vitest'
import { estimatorConfig, estimatorEnvPrefix } from '../../services/estimator/config.ts'
import { createEstimatorClient } from '../../services/scheduler/client.ts'
import { readConfig } from '../../shared/runtime/config.ts'
import { EstimateSource } from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { estimatorFixture } from '../support/estimator-fixture.ts'
import { linearHistory, profileOf } from '../support/histories.ts'
import { profileFeed } from '../support/profile-feed.ts'
import { queryOf } from '../support/queries.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** The real estimator with an A/B test as its command line gives it, holding one task's profile. */
async function estimatorWith(...flags: string[]) {
  const feed = await profileFeed()
  closing.push(feed.close)
  feed.put(profileOf(linearHistory(30)))
  const { variants, variantBy } = readConfig(estimatorConfig, {
    argv: flags,
    env: {},
    envPrefix: estimatorEnvPrefix,
  })
  const service = await estimatorFixture({ profiler: feed.address, variants, variantBy })
  closing.push(service.close)
  await service.estimateUntil(({ source }) => source === EstimateSource.ESTIMATE_SOURCE_PROFILE)
  return service
}

const features = { input_bytes: 20e6 }
const variants =
  '[{"name":"safe","share":0.5,"risk":1},{"name":"one","share":0.25,"strategies":["max-seen"]}]'

test('each execution is answered by its variant, which the answer names, the same each time', async () => {
  const { estimate } = await estimatorWith('--variants', variants)
  const seen = new Map<string, number>()
  for (let i = 0; i < 60; i++) {
    const asked = { features, executionId: `execution-${i}` }
    const answer = await estimate(asked)
    expect(await estimate(asked)).toEqual({ ...answer, stalenessMs: expect.any(Number) })
    expect(answer.variantByExecution).toBe(true)
    seen.set(answer.variant, answer.resources?.memoryBytes ?? 0)
    if (answer.variant !== 'one') continue
    const memory = answer.dimensions.find(({ dimension }) => dimension === 2)
    expect(memory?.predictions.map(({ strategy }) => strategy)).toEqual(['max-seen'])
  }
  expect([...seen.keys()].sort()).toEqual(['', 'one', 'safe'])
  expect(seen.get('safe')).toBeGreaterThan(seen.get('') ?? 0)
})

test('a scheduler does not give one execution the answer of another', async () => {
  const { address } = await estimatorWith('--variants', variants)
  const client = createEstimatorClient({ target: address, updateIntervalMs: 60_000, deadlineMs: 5000 })
  closing.push(async () => client.close())
  const named = async (executionId: string) => {
    const answer = await client.estimate(queryOf({ features, executionId }))
    return answer.kind === 'estimate' ? answer.estimate.variant : answer.reason
  }
  await named('first')
  const names = new Set<string | undefined>()
  for (let i = 0; i < 40; i++) names.add(await named(`execution-${i}`))
  expect(names).toEqual(new Set([undefined, 'one', 'safe']))
  const { calls, asks, cached } = client.statistics()
  await named('execution-7')
  expect(client.statistics()).toMatchObject({ calls, asks, cached: cached + 1 })
})

test('by task: every execution of it alike, so that an answer may be used again', async () => {
  const { estimate } = await estimatorWith(
    '--variants',
    '[{"name":"all","share":1,"risk":1}]',
    '--variant-by',
    'task',
  )
  const answer = await estimate({ features, executionId: 'a' })
  expect(answer).toMatchObject({ variant: 'all', variantByExecution: false })
  expect(await estimate({ features, executionId: 'b' })).toMatchObject({
    variant: 'all',
    resources: answer.resources,
  })
})
