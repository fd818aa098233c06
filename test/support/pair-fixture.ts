import { profilerConfig } from '../../services/profiler/config.ts'
import { startProfiler } from '../../services/profiler/service.ts'
import { systemClock } from '../../shared/runtime/clock.ts'
import { createLifecycle } from '../../shared/runtime/lifecycle.ts'
import { createLog } from '../../shared/runtime/log.ts'
import { estimatorFixture } from './estimator-fixture.ts'

/** The real profiler, on memory, and the real estimator that follows it, each on a free port. */
export async function pairFixture() {
  const log = createLog('test', 'silent')
  const lifecycle = createLifecycle(log)
  const config = profilerConfig.parse({ listen: '127.0.0.1:0', store: 'memory' })
  const profiler = await startProfiler(config, systemClock, log, lifecycle)
  const estimator = await estimatorFixture({ profiler: profiler.address })
  return {
    profilerAddress: profiler.address,
    estimator,
    async close() {
      await estimator.close()
      await lifecycle.stop('the test is over')
    },
  }
}
