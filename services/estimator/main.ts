import process from 'node:process'
import { systemClock } from '../../shared/runtime/clock.ts'
import { runService } from '../../shared/runtime/lifecycle.ts'
import { createLog } from '../../shared/runtime/log.ts'
import { settingsOrExit } from '../../shared/runtime/settings.ts'
import { estimatorConfig, estimatorEnvPrefix } from './config.ts'
import { strategies } from './domain/strategies/index.ts'
import { startEstimatorService } from './service.ts'

const program = { name: 'foresize estimator', schema: estimatorConfig, envPrefix: estimatorEnvPrefix }
const config = settingsOrExit(program, process)
const log = createLog('estimator', config.logLevel)
await runService(process, log, async (lifecycle) => {
  await startEstimatorService(config, {
    registry: strategies,
    clock: systemClock,
    random: Math.random,
    log,
    lifecycle,
  })
})
