import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, type RunningService, startService } from '../../cli/pair.ts'

/** The two services as processes of their own, as anyone runs them, on a store that is new. */
export interface ServicePair {
  readonly profiler: RunningService
  readonly estimator: RunningService
  stop(): Promise<void>
}

export async function servicePair(
  flags: { readonly profiler?: readonly string[]; readonly estimator?: readonly string[] } = {},
): Promise<ServicePair> {
  const folder = await mkdtemp(join(tmpdir(), 'foresize-pair-'))
  const started: RunningService[] = []
  const start = async (service: 'profiler' | 'estimator', more: readonly string[]) => {
    const listen = `127.0.0.1:${await freePort()}`
    const running = await startService({
      service,
      listen,
      flags: ['--metrics-listen=', ...more],
      onLog: () => {},
    })
    started.push(running)
    return running
  }
  const stop = async () => {
    for (const service of started.toReversed()) await service.stop()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const profiler = await start('profiler', ['--data-dir', folder, ...(flags.profiler ?? [])])
    const estimator = await start('estimator', [
      '--profiler',
      profiler.address,
      '--update-interval-ms=0',
      ...(flags.estimator ?? []),
    ])
    return { profiler, estimator, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
