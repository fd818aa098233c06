import process from 'node:process'
import { systemClock } from '../../shared/runtime/clock.ts'
import { createLog } from '../../shared/runtime/log.ts'
import { runInProcesses } from '../../shared/runtime/processes.ts'
import { settingsOrExit } from '../../shared/runtime/settings.ts'
import { estimatorConfig, estimatorEnvPrefix, shareOfProcess } from './config.ts'
import { strategies } from './domain/strategies/index.ts'
import { startEstimatorService } from './service.ts'

const program = { name: 'foresize estimator', schema: estimatorConfig, envPrefix: estimatorEnvPrefix }
const config = settingsOrExit(program, process)
const log = createLog('estimator', config.logLevel)
await runInProcesses(process, config, log, {
  prefix: 'foresize_estimator',
  shareOf: shareOfProcess,
  start: (own, lifecycle) =>
    startEstimatorService(own, {
      registry: strategies,
      clock: systemClock,
      random: Math.random,
      log,
      lifecycle,
    }),
})
