import process from 'node:process'
import { systemClock } from '../../../shared/runtime/clock.ts'
import { runService } from '../../../shared/runtime/lifecycle.ts'
import { createLog } from '../../../shared/runtime/log.ts'
import { settingsOrExit } from '../../../shared/runtime/settings.ts'
import { agentConfig, agentEnvPrefix } from './config.ts'
import { startAgent } from './service.ts'

const program = { name: 'foresize node agent', schema: agentConfig, envPrefix: agentEnvPrefix }
const config = settingsOrExit(program, process)
const log = createLog('agent', config.logLevel)
await runService(process, log, async (lifecycle) => {
  await startAgent(config, { clock: systemClock, log, lifecycle })
})
