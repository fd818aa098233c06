import process from 'node:process'
import { systemClock } from '../../../shared/runtime/clock.ts'
import { runService } from '../../../shared/runtime/lifecycle.ts'
import { createLog } from '../../../shared/runtime/log.ts'
import { settingsOrExit } from '../../../shared/runtime/settings.ts'
import { admissionConfig, admissionEnvPrefix } from './config.ts'
import { startAdmission } from './service.ts'

const program = { name: 'foresize admission', schema: admissionConfig, envPrefix: admissionEnvPrefix }
const config = settingsOrExit(program, process)
const log = createLog('admission', config.logLevel)
await runService(process, log, async (lifecycle) => {
  await startAdmission(config, { clock: systemClock, log, lifecycle })
})
