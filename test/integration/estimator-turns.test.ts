import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, test } from 'vitest'
import { defaultFoldSettings, foldAll } from '../../services/profiler/domain/fold.ts'
import type { Profile } from '../../shared/domain/profile.ts'
import { EstimateBatchRequest } from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { estimatorFixture, wireQuery } from '../support/estimator-fixture.ts'
import { exampleProfile } from '../support/example-profile.ts'
import { recordOf } from '../support/executions.ts'
import { largestExecutions, largestProfile } from '../support/largest-profile.ts'
import { profileFeed } from '../support/profile-feed.ts'
import { empties, request } from '../support/requests.ts'
import { expectShortTurns, type Preparation } from '../support/turns.ts'

/** No work holds the event loop of an estimator, whatever is asked. Measured as in turns.test.ts. */

let feed: Awaited<ReturnType<typeof profileFeed>>
let estimator: Awaited<ReturnType<typeof estimatorFixture>>
const now = 1_800_000_000_000

beforeAll(async () => {
  feed = await profileFeed()
  estimator = await estimatorFixture({ profiler: feed.address })
})
afterAll(async () => {
  await estimator?.close()
  await feed?.close()
})

const names = (of: string, count: number) => Array.from({ length: count }, (_, i) => `${of}${i}`)

/** Of as many features as may be, each learned anew. */
const cold = (of: string, i: number) => ({
  ...wireQuery(),
  task: { namespace: 'default', task: `${of} ${i}` },
  features,
})
const features = Object.fromEntries(names('f', 32).map((name, i) => [name, 1e6 * i]))

/** Tasks of which the estimator has learned nothing yet. */
async function publish(of: string): Promise<void> {
  await follow(...names(`${of} `, coldTasks).map(richProfile))
}

let followed = 0
/** The estimator has them, and has not been asked for them. */
async function follow(...profiles: readonly Profile[]): Promise<void> {
  for (const profile of profiles) feed.put(profile)
  const task = { namespace: 'default', task: `last ${followed++}` }
  feed.put(exampleProfile(20, { ...task, kind: 'task' }))
  await estimator.estimateUntil(({ source }) => source === 1, { task })
}

const estimateAt = ({ revision, key: { namespace, task } }: Profile) =>
  estimator.estimateUntil(({ profileRevision }) => profileRevision === revision, {
    task: { namespace, task },
  })

const coldTasks = 30

function richProfile(task: string): Profile {
  const key = { namespace: 'default', kind: 'task', task } as const
  const finished = names(task, 96).map((id, i) => {
    const given = Object.fromEntries(names('f', 32).map((name, k) => [name, ((i * 7 + k * 13) % 97) * 1e6]))
    const used = {
      memoryBytes: 1e8 + i * 1e6,
      durationMs: 1000 + i,
      diskBytes: 1e6 * i,
      cpuCores: 1 + (i % 3),
    }
    return { record: recordOf(id, used, { task: { namespace: 'default', task }, features: given }) }
  })
  return foldAll(undefined, key, finished, now, defaultFoldSettings).profile
}

/** @param scale of the features: another question each. */
const batch = (of: string, scale = 1) =>
  new Promise<void>((resolve, reject) => {
    const given = Object.fromEntries(Object.entries(features).map(([name, value]) => [name, scale * value]))
    const queries = Array.from({ length: coldTasks }, (_, i) => ({ ...cold(of, i), features: given }))
    estimator.client.estimateBatch({ queries }, (error) => (error ? reject(error) : resolve()))
  })

const calls = (of: string) =>
  Promise.all(Array.from({ length: coldTasks }, (_, i) => estimator.estimate(cold(of, i))))

const labels = Object.fromEntries(names('l', 32).map((name) => [name, 'x'.repeat(10)]))

/** As many queries of tasks that were learned as a batch may hold. */
const queries = (of: string): EstimateBatchRequest => ({
  queries: names('', 1000).map((_, i) => ({ ...cold(of, i % coldTasks), labels })),
})

const keyOf = (task: string) => ({ namespace: 'default', kind: 'task', task }) as const

const farTasks = 6
const featuresAt = (times: number) => Object.fromEntries(names('f', 32).map((name) => [name, times]))
const askFar = (task: string, times: number) =>
  estimator.estimate({ task: keyOf(task), features: featuresAt(times) })

/** Numbers from 0 to 1 that say nothing of each other. */
const anywhere = (i: number, k: number) =>
  (((i * 7919 + k * 104_729) % 9973) / 9973 + i * 0.618 * (k + 1)) % 1

/** Of as many features as may be, two of which every need goes with, and scatters so much that no law is ruled out. */
function scatteredProfile(task: string): Profile {
  const finished = names(task, 96).map((id, i) => {
    const values = Array.from({ length: 32 }, (_, k) => 50 ** anywhere(i, k))
    const given = Object.fromEntries(values.map((value, k) => [`f${k}`, value]))
    const need = (k: number) =>
      (1 + (values[0] as number) + (values[1] as number)) * Math.exp(2 * anywhere(i, 40 + k) - 1)
    const used = {
      memoryBytes: 1e8 * need(0),
      cpuCores: need(1),
      diskBytes: 1e7 * need(2),
      gpuMemoryBytes: 1e8 * need(3),
      durationMs: 1e4 * need(4),
    }
    return { record: recordOf(id, used, { task: keyOf(task), features: given }) }
  })
  return foldAll(undefined, keyOf(task), finished, now, defaultFoldSettings).profile
}

/** Of as many executions as may be, quick to read. */
function smallProfile(before: Profile | undefined, key: ReturnType<typeof keyOf>, count: number): Profile {
  const finished = names(`${before?.revision ?? 0} `, count).map((id, i) => {
    const features = Object.fromEntries(names('f', 4).map((name, k) => [name, 50 ** anywhere(i, k)]))
    const need = 1 + anywhere(i, 9)
    const used = {
      memoryBytes: 1e8 * need,
      cpuCores: need,
      diskBytes: 1e7 * need,
      gpuMemoryBytes: 1e8 * need,
      durationMs: 1e4 * need,
    }
    return { record: recordOf(id, used, { task: key, features, labels: { of: `${i % 4}` } }) }
  })
  return foldAll(before, key, finished, now, defaultFoldSettings).profile
}

const works: Readonly<Record<string, Preparation>> = {
  'a batch of queries of tasks to be learned': async (run) => {
    await publish(run)
    return () => batch(run)
  },
  'a batch of queries of tasks that were learned': async (run) => {
    await publish(run)
    await batch(run)
    return () => batch(run, 1.5)
  },
  'many queries of tasks to be learned': async (run) => {
    await publish(run)
    return () => calls(run)
  },
  'a batch of queries as large as may be': async (run) => {
    await publish(run)
    await batch(run)
    const bytes = EstimateBatchRequest.encode(queries(run)).finish()
    return request(estimator.address, 'EstimatorService/EstimateBatch', bytes, status.OK)
  },
  'the first estimates beyond the range of all features': async (run) => {
    await follow(...names(`${run} `, farTasks).map(scatteredProfile))
    await Promise.all(names(`${run} `, farTasks).map((task) => askFar(task, 1)))
    return () => Promise.all(names(`${run} `, farTasks).map((task) => askFar(task, 1e4)))
  },
  'the first confidences beyond the range of all features, along the amount': async (run) => {
    await follow(...names(`${run} `, farTasks).map(scatteredProfile))
    await Promise.all(names(`${run} `, farTasks).map((task) => askFar(task, 1)))
    return async () => {
      for (const task of names(`${run} `, farTasks))
        await estimator.confidence(undefined, { task: keyOf(task), features: featuresAt(1e4) }, true)
    }
  },
  'a small profile that has dropped its oldest executions': async (run) => {
    const key = keyOf(run)
    const before = smallProfile(undefined, key, 96)
    await follow(before)
    await estimateAt(before)
    const after = smallProfile(before, key, 32)
    await follow(after)
    return () => estimateAt(after)
  },
  'a batch of millions of empty queries': () => empties(estimator.address, 'EstimatorService/EstimateBatch'),
  'an estimate of a profile as large as may be': async (run) => {
    const profile = largestProfile(keyOf(run))
    await follow(profile)
    return () => estimateAt(profile)
  },
  'an estimate of a profile as large as may be that has changed': async (run) => {
    const key = keyOf(run)
    const before = largestProfile(key)
    await follow(before)
    await estimateAt(before)
    const after = foldAll(
      before,
      key,
      largestExecutions(`${run} more`, key, 40),
      now,
      defaultFoldSettings,
    ).profile
    await follow(after)
    return () => estimateAt(after)
  },
}

test.each(Object.entries(works))('%s holds no turn of the event loop for long', expectShortTurns)
