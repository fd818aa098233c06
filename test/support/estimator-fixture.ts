import { credentials } from '@grpc/grpc-js'
import { type EstimatorConfig, estimatorConfig } from '../../services/estimator/config.ts'
import { strategies } from '../../services/estimator/domain/strategies/index.ts'
import type { Registry } from '../../services/estimator/domain/strategies/strategy.ts'
import { startEstimatorService } from '../../services/estimator/service.ts'
import { call } from '../../shared/rpc/client.ts'
import { systemClock } from '../../shared/runtime/clock.ts'
import { createLifecycle } from '../../shared/runtime/lifecycle.ts'
import { createLog } from '../../shared/runtime/log.ts'
import {
  type Estimate,
  type EstimateQuery,
  EstimatorServiceClient,
} from '../../shared/wire/gen/foresize/v1/estimator_service.ts'

/** A query about `demo/task` as the wire has it. */
export function wireQuery(more: Partial<EstimateQuery> = {}): EstimateQuery {
  return {
    task: { namespace: 'default', task: 'demo/task' },
    features: {},
    labels: {},
    attempt: 1,
    previousOutcome: 0,
    executionId: '',
    ...more,
  }
}

/** The real service on a free port, as main.ts composes it, and a client of it. */
export async function estimatorFixture(
  settings: Partial<EstimatorConfig> & { readonly profiler: string },
  registry: Registry = strategies,
) {
  const log = createLog('test', 'silent')
  const lifecycle = createLifecycle(log)
  const config = estimatorConfig.parse({
    listen: '127.0.0.1:0',
    updateIntervalMs: 0,
    backoffMinMs: 5,
    backoffMaxMs: 20,
    ...settings,
  })
  const { address } = await startEstimatorService(config, {
    registry,
    clock: systemClock,
    random: Math.random,
    log,
    lifecycle,
  })
  const client = new EstimatorServiceClient(address, credentials.createInsecure())
  const deadlineMs = 20_000

  async function estimate(more: Partial<EstimateQuery> = {}): Promise<Estimate> {
    const { estimate } = await call(client.estimate.bind(client), { query: wireQuery(more) }, deadlineMs)
    if (estimate === undefined) throw new Error('an answer has an estimate')
    return estimate
  }

  return {
    address,
    client,
    estimate,
    confidence: (memoryBytes: number | undefined, more: Partial<EstimateQuery> = {}, withCurve = false) =>
      call(
        client.confidence.bind(client),
        {
          query: wireQuery(more),
          resources: memoryBytes === undefined ? undefined : { memoryBytes },
          withCurve,
        },
        deadlineMs,
      ),
    /** Asks until the answer is as wanted: what travels by the feed arrives when it does. */
    async estimateUntil(
      wanted: (estimate: Estimate) => boolean,
      more: Partial<EstimateQuery> = {},
    ): Promise<Estimate> {
      const giveUp = AbortSignal.timeout(deadlineMs)
      for (;;) {
        const answer = await estimate(more)
        if (wanted(answer)) return answer
        if (giveUp.aborted) throw new Error(`never as wanted; last: ${JSON.stringify(answer)}`)
        await systemClock.sleep(5)
      }
    },
    async close() {
      client.close()
      await lifecycle.stop('the test is over')
    },
  }
}
