import process from 'node:process'
import { systemClock } from '../../shared/runtime/clock.ts'
import { ConfigError, describeConfig, readConfig } from '../../shared/runtime/config.ts'
import { runService } from '../../shared/runtime/lifecycle.ts'
import { createLog } from '../../shared/runtime/log.ts'
import { type ProfilerConfig, profilerConfig, profilerEnvPrefix } from './config.ts'
import { startProfiler } from './service.ts'

const argv = process.argv.slice(2)
if (argv.includes('--help')) {
  const lines = describeConfig(profilerConfig, profilerEnvPrefix).map(
    ({ flag, env, default: fallback, description }) =>
      `${flag}  ${description}\n    ${env}, default ${fallback}`,
  )
  process.stdout.write(
    `node services/profiler/main.ts [--config FILE.json] [settings]\n\n${lines.join('\n')}\n`,
  )
  process.exit(0)
}

const config = configOrExit()
const log = createLog('profiler', config.logLevel)
await runService(process, log, async (lifecycle) => {
  await startProfiler(config, systemClock, log, lifecycle)
})

function configOrExit(): ProfilerConfig {
  try {
    return readConfig(profilerConfig, { argv, env: process.env, envPrefix: profilerEnvPrefix })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(2)
  }
}
