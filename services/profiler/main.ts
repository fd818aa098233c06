import process from 'node:process'
import { systemClock } from '../../shared/runtime/clock.ts'
import { runService } from '../../shared/runtime/lifecycle.ts'
import { createLog } from '../../shared/runtime/log.ts'
import { settingsOrExit } from '../../shared/runtime/settings.ts'
import { profilerConfig, profilerEnvPrefix } from './config.ts'
import { startProfiler } from './service.ts'

const program = { name: 'foresize profiler', schema: profilerConfig, envPrefix: profilerEnvPrefix }
const config = settingsOrExit(program, process)
const log = createLog('profiler', config.logLevel)
await runService(process, log, async (lifecycle) => {
  await startProfiler(config, systemClock, log, lifecycle)
})
