import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createEstimatorClient } from '../../services/scheduler/client.ts'
import { call, channelCredentials, clientOptionsFor, statusOf } from '../../shared/rpc/client.ts'
import { EstimatorServiceClient } from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { estimatorFixture, wireQuery } from '../support/estimator-fixture.ts'
import {
  eventually,
  type TestProfiler,
  testProfiler,
  unary,
  wireRecord,
} from '../support/profiler-service.ts'
import { queryOf } from '../support/queries.ts'
import { outcomeOf, secureClient, type TokenEntry, writeTokens } from '../support/secure-services.ts'

const scheduler: TokenEntry = { token: 's', name: 'scheduler', roles: ['scheduler'], namespaces: ['a'] }
const worker: TokenEntry = { token: 'w', name: 'worker', roles: ['worker'], namespaces: ['*'] }
const follower: TokenEntry = { token: 'e1', name: 'estimator', roles: ['estimator'], namespaces: ['*'] }
const nextFollower: TokenEntry = { ...follower, token: 'e2' }

let folder: string
let tokensFile: string
let followerFile: string
let profiler: TestProfiler
let estimator: Awaited<ReturnType<typeof estimatorFixture>>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'foresize-estimator-tokens-'))
  tokensFile = join(folder, 'tokens.json')
  followerFile = join(folder, 'follower')
  await writeTokens(tokensFile, [scheduler, worker, follower])
  await writeFile(followerFile, follower.token)
  profiler = await testProfiler({ store: 'memory', tokensFile, securityReloadMs: 100, heartbeatMs: 200 })
  const following = { profiler: profiler.address, profilerTokenFile: followerFile }
  estimator = await estimatorFixture({ ...following, tokensFile, securityReloadMs: 100 })
})

afterAll(async () => {
  await estimator.close()
  await profiler.stop()
  await rm(folder, { recursive: true })
})

async function estimating(entry: TokenEntry | undefined, ...namespaces: readonly string[]): Promise<status> {
  const settings = { target: estimator.address, token: entry?.token }
  const client = new EstimatorServiceClient(
    settings.target,
    channelCredentials(settings),
    clientOptionsFor(settings),
  )
  const queries = namespaces.map((namespace) => wireQuery({ task: { namespace, task: 'task' } }))
  try {
    return await outcomeOf(call(client.estimateBatch.bind(client), { queries }, 20_000))
  } finally {
    client.close()
  }
}

test.each<readonly [string, TokenEntry | undefined, readonly string[], status]>([
  ['no token', undefined, ['a'], status.UNAUTHENTICATED],
  ['a worker’s token', worker, ['a'], status.PERMISSION_DENIED],
  ['a foreign namespace among its own', scheduler, ['a', 'b'], status.PERMISSION_DENIED],
  ['its own namespace', scheduler, ['a', 'a'], status.OK],
])('estimating with %s ends in the right status', async (_, entry, namespaces, expected) => {
  expect(await estimating(entry, ...namespaces)).toBe(expected)
})

test('the provided client says why it was refused, and never throws into scheduling', async () => {
  const client = createEstimatorClient({ target: estimator.address, token: worker.token, deadlineMs: 20_000 })
  const answer = await client.estimate(queryOf({ task: { namespace: 'a', task: 'task' } }))
  expect(answer).toMatchObject({
    kind: 'unavailable',
    reason: expect.stringContaining('needs the role scheduler'),
  })
  client.close()
})

test('the estimator’s own token is replaced while it runs: it follows on with the new one', async () => {
  const reporter = secureClient({ target: profiler.address, token: worker.token })
  const asking = secureEstimatorClient()
  let reported = 0
  const learns = async () => {
    const executions = [wireRecord(`execution-${reported++}`, { task: { namespace: 'a', task: 'task' } })]
    await unary(reporter, 'updateProfile', { executions })
    await eventually(async () => {
      const query = wireQuery({ task: { namespace: 'a', task: 'task' } })
      const { estimate } = await call(asking.estimate.bind(asking), { query }, 20_000)
      return estimate?.executions === reported
    })
  }
  await learns()
  // A stream of the old token, cut in the same sweep as the estimator's.
  const old = secureClient({ target: profiler.address, token: follower.token })
  const cut = new Promise((resolve) =>
    old
      .watchProfiles({ namespaces: [], cursor: '' })
      .resume()
      .on('error', (error) => resolve(statusOf(error))),
  )
  await writeTokens(tokensFile, [scheduler, worker, follower, nextFollower])
  await writeFile(followerFile, nextFollower.token)
  await writeTokens(tokensFile, [scheduler, worker, nextFollower])
  expect(await cut).toBe(status.UNAUTHENTICATED)
  await learns()
  old.close()
  asking.close()
  reporter.close()
})

function secureEstimatorClient(): EstimatorServiceClient {
  const settings = { target: estimator.address, token: scheduler.token }
  return new EstimatorServiceClient(settings.target, channelCredentials(settings), clientOptionsFor(settings))
}
