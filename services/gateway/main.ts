import process from 'node:process'
import { runService } from '../../shared/runtime/lifecycle.ts'
import { createLog } from '../../shared/runtime/log.ts'
import { settingsOrExit } from '../../shared/runtime/settings.ts'
import { gatewayConfig, gatewayEnvPrefix } from './config.ts'
import { startGateway } from './service.ts'

const program = { name: 'foresize gateway', schema: gatewayConfig, envPrefix: gatewayEnvPrefix }
const config = settingsOrExit(program, process)
const log = createLog('gateway', config.logLevel)
await runService(process, log, async (lifecycle) => {
  await startGateway(config, { log, lifecycle })
})
