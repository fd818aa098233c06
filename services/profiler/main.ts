import process from 'node:process'
import { systemClock } from '../../shared/runtime/clock.ts'
import { createLog } from '../../shared/runtime/log.ts'
import { runInProcesses } from '../../shared/runtime/processes.ts'
import { settingsOrExit } from '../../shared/runtime/settings.ts'
import { profilerConfig, profilerEnvPrefix, shareOfProcess } from './config.ts'
import { startProfiler } from './service.ts'

const program = { name: 'foresize profiler', schema: profilerConfig, envPrefix: profilerEnvPrefix }
const config = settingsOrExit(program, process)
const log = createLog('profiler', config.logLevel)
await runInProcesses(process, config, log, {
  prefix: 'foresize_profiler',
  shareOf: shareOfProcess,
  start: (own, lifecycle) => startProfiler(own, systemClock, log, lifecycle),
})
