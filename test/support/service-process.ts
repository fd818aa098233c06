import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { isServing } from '../../cli/health-check.ts'
import { projectRoot } from './manifests.ts'
import { eventually } from './profiler-service.ts'

export interface ServiceProcess {
  readonly child: ChildProcess
  /** SIGTERM; resolves to the exit code, with what it logged where that is not 0. */
  stop(): Promise<number>
  log(): string
}

/** A service as a process of its own, once it says SERVING on its plain health address. Throws where it ends instead. */
export async function startServiceProcess(
  service: 'profiler' | 'estimator',
  healthAddress: string,
  flags: readonly string[],
): Promise<ServiceProcess> {
  const entry = join(projectRoot, 'services', service, 'main.ts')
  const child = spawn(process.execPath, [entry, '--health-listen', healthAddress, ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  child.stderr.on('data', (chunk) => {
    log += String(chunk)
  })
  await eventually(async () => {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the ${service} ended:\n${log}`)
    return isServing(healthAddress, 1000)
  })
  return {
    child,
    log: () => log,
    async stop() {
      if (child.exitCode !== null) return child.exitCode
      child.kill('SIGTERM')
      await once(child, 'exit')
      return child.exitCode ?? -1
    },
  }
}
