import {
  EstimateBatchResponse,
  EstimateResponse,
  EstimateResult,
} from '../shared/wire/gen/foresize/v1/estimator_service.ts'
import { alternate, type Bench, type Comparison } from './bench.ts'
import { compare, estimate, estimateBatch, newQuery, queriesPerBatch } from './estimate.ts'
import { executionsPerBatch, stream, wholeExecutions } from './ingest.ts'
import { startEcho } from './server-process.ts'

/** What stands between grpc-js and a handler: the guard, bounds and budgets. */
export const wireBench: Bench = {
  summary: 'The echo server behind what stands before our handlers: the wire alone, no estimate and no fold',
  async run(options) {
    const answer = { resources: { cpuCores: 1, memoryBytes: 1e9 }, confidence: 0.9 }
    const one = EstimateResponse.fromPartial({ estimate: answer })
    const result = EstimateResult.fromPartial({ result: { $case: 'estimate', value: answer } })
    const many = { results: Array.from({ length: queriesPerBatch }, () => result) }
    const canned = {
      estimate: EstimateResponse.encode(one).finish(),
      estimateBatch: EstimateBatchResponse.encode(many).finish(),
    }
    const echo = await startEcho(canned)
    const [estimator, profiler] = [
      await startEcho({ ...canned, behindGuard: 'estimator' }),
      await startEcho({ ...canned, behindGuard: 'profiler' }),
    ]
    try {
      const load = (server: typeof echo) => () => stream(server, wholeExecutions, executionsPerBatch, options)
      return [
        await compare('Estimate, behind the guard', options, echo, estimator, 1, estimate(newQuery)),
        await compare(
          'EstimateBatch, behind the guard',
          options,
          echo,
          estimator,
          queriesPerBatch,
          estimateBatch(newQuery),
        ),
        await alternate(
          'whole executions, behind the guard',
          'executions',
          options,
          load(echo),
          load(profiler),
        ),
      ] satisfies Comparison[]
    } finally {
      for (const server of [echo, estimator, profiler]) await server.stop()
    }
  },
}
