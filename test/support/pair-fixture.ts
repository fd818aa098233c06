import { credentials } from '@grpc/grpc-js'
import type { Registry } from '../../services/estimator/domain/strategies/strategy.ts'
import { profilerConfig } from '../../services/profiler/config.ts'
import { startProfiler } from '../../services/profiler/service.ts'
import type { ExecutionRecord } from '../../shared/domain/execution.ts'
import { call } from '../../shared/rpc/client.ts'
import { systemClock } from '../../shared/runtime/clock.ts'
import { createLifecycle } from '../../shared/runtime/lifecycle.ts'
import { createLog } from '../../shared/runtime/log.ts'
import { fromExecutionRecord } from '../../shared/wire/execution.ts'
import { ProfilerServiceClient } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { estimatorFixture } from './estimator-fixture.ts'

/** The real profiler, on memory, and the real estimator that follows it, each on a free port. */
export async function pairFixture(registry?: Registry) {
  const log = createLog('test', 'silent')
  const lifecycle = createLifecycle(log)
  const config = profilerConfig.parse({ listen: '127.0.0.1:0', store: 'memory', runningIntervalMs: 20 })
  const profiler = await startProfiler(config, systemClock, log, lifecycle)
  const client = new ProfilerServiceClient(profiler.address, credentials.createInsecure())
  const estimator = await estimatorFixture({ profiler: profiler.address }, registry)
  return {
    profilerAddress: profiler.address,
    profiler: client,
    estimator,
    /** Reports finished executions; resolves once they are durable. */
    async report(...executions: readonly ExecutionRecord[]): Promise<void> {
      const request = { executions: executions.map(fromExecutionRecord) }
      const { rejections } = await call(client.updateProfile.bind(client), request, 10_000)
      if (rejections.length > 0) throw new Error(JSON.stringify(rejections))
    },
    async close() {
      client.close()
      await estimator.close()
      await lifecycle.stop('the test is over')
    },
  }
}
