import { systemClock } from '../../shared/runtime/clock.ts'
import { ConfigError, readConfig } from '../../shared/runtime/config.ts'
import { configHelp } from '../../shared/runtime/config-help.ts'
import { runService } from '../../shared/runtime/lifecycle.ts'
import { createLog } from '../../shared/runtime/log.ts'
import { estimatorConfig, estimatorEnvPrefix } from './config.ts'
import { strategies } from './domain/strategies/index.ts'
import { startEstimatorService } from './service.ts'

const argv = process.argv.slice(2)

if (argv.includes('--help')) {
  process.stdout.write(configHelp('foresize estimator', estimatorConfig, estimatorEnvPrefix))
} else {
  const config = settingsOrExit()
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
}

function settingsOrExit() {
  try {
    return readConfig(estimatorConfig, { argv, env: process.env, envPrefix: estimatorEnvPrefix })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    return process.exit(2)
  }
}
