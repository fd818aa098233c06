import { setTimeout as sleep } from 'node:timers/promises'
import { type ServerUnaryCall, status } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import type { Answer } from '../../../services/estimator/domain/estimate/estimate.ts'
import type { Estimator } from '../../../services/estimator/estimator.ts'
import { estimatorRpc } from '../../../services/estimator/rpc.ts'
import { handlers } from '../../../shared/rpc/handlers.ts'
import { createLog } from '../../../shared/runtime/log.ts'
import {
  type EstimateBatchRequest,
  EstimateBatchResponse,
} from '../../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { wireQuery } from '../../support/estimator-fixture.ts'

/** Results of a batch are in the order asked, whenever each of them is there. */

const answerOf = (attempt: number): Answer => ({
  resources: { memoryBytes: attempt },
  confidence: 0.5,
  source: 'default',
  reasons: [],
  dimensions: [],
  profileRevision: 0,
  executions: 0,
  variantByExecution: false,
  notices: [],
})

type Estimate = Estimator['estimate']

/** Instead of the number of an attempt. */
const unreadable = -1

function batchOf(estimate: Estimate, attempts: readonly number[]) {
  const estimator = { estimate, age: () => ({ stalenessMs: 1, stale: undefined }) } as Estimator
  const { estimateBatch } = estimatorRpc(estimator, [], handlers(createLog('test', 'silent')))
  const request = {
    queries: attempts.map((attempt) => wireQuery(attempt === unreadable ? { task: undefined } : { attempt })),
  }
  return new Promise<EstimateBatchResponse>((resolve, reject) =>
    estimateBatch({ request } as unknown as ServerUnaryCall<EstimateBatchRequest, Buffer>, (error, bytes) =>
      error ? reject(error) : resolve(EstimateBatchResponse.decode(bytes as Buffer)),
    ),
  )
}

const amountsOf = ({ results }: EstimateBatchResponse) =>
  results.map(({ result }) =>
    result?.$case === 'estimate' ? result.value.resources?.memoryBytes : result?.value.violations[0]?.field,
  )

const attempts = Array.from({ length: 100 }, (_, i) => i + 1)

test.each<[string, Estimate]>([
  ['all at once', ({ attempt }) => answerOf(attempt)],
  ['the first late', ({ attempt }) => (attempt === 1 ? sleep(20, answerOf(attempt)) : answerOf(attempt))],
  ['the last late', ({ attempt }) => (attempt === 100 ? sleep(5, answerOf(attempt)) : answerOf(attempt))],
  [
    'every third late, the later the sooner',
    ({ attempt }) => (attempt % 3 === 0 ? sleep(20 - attempt / 5, answerOf(attempt)) : answerOf(attempt)),
  ],
  [
    'each slower than a turn',
    ({ attempt }) => {
      for (const endMs = performance.now() + 1.2; performance.now() < endMs; );
      return answerOf(attempt)
    },
  ],
])('%s', async (_, estimate) => {
  expect(amountsOf(await batchOf(estimate, attempts))).toEqual(attempts)
})

test('a query that is refused has its place among them', async () => {
  const estimate: Estimate = ({ attempt }) => sleep(attempt, answerOf(attempt))

  expect(amountsOf(await batchOf(estimate, [3, unreadable, 1]))).toEqual([3, 'task', 1])
})

test('one that fails fails the call, also while others are late', async () => {
  const estimate: Estimate = ({ attempt }) =>
    attempt === 2 ? Promise.reject(new Error('lost')) : sleep(5, answerOf(attempt))

  await expect(batchOf(estimate, [1, 2, 3])).rejects.toMatchObject({ code: status.INTERNAL })
})
