import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, type RunningService, startService } from '../../cli/pair.ts'
import { call, channelCredentials, clientOptions } from '../../shared/rpc/client.ts'
import { outcomeEnum } from '../../shared/wire/enums.ts'
import { ProfilerServiceClient } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'

/** More a second than any vector reports: counts are exact. */
export const everything = ['--max-reported-per-second=1000000', '--max-samples-per-second=1000000']

export interface ProfilerUnderTest {
  readonly address: string
  server(action: 'kill' | 'start' | 'pause' | 'continue'): Promise<void>
  /** What is known of a task, undefined where nothing is. */
  profile(namespace: string, task: string): Promise<LearnedTask | undefined>
  stop(): Promise<void>
}

export interface LearnedTask {
  readonly outcomes: Readonly<Record<string, number>>
  readonly executions: readonly Readonly<Record<string, unknown>>[]
}

/** The real profiler as a process of its own that can be killed and started again on its data and address. */
export async function profilerUnderTest(
  store: 'memory' | 'lmdb',
  flags: readonly string[] = everything,
): Promise<ProfilerUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'foresize-conformance-'))
  const address = `127.0.0.1:${await freePort()}`
  const start = () =>
    startService({
      service: 'profiler',
      listen: address,
      flags: ['--metrics-listen=', '--store', store, '--data-dir', folder, ...flags],
      onLog: () => undefined,
    })
  let running: RunningService = await start()
  const client = new ProfilerServiceClient(address, channelCredentials({ target: address }), clientOptions)
  return {
    address,
    async server(action) {
      if (action === 'start') running = await start()
      else if (action === 'pause') running.child.kill('SIGSTOP')
      else if (action === 'continue') running.child.kill('SIGCONT')
      else {
        running.child.kill('SIGKILL')
        await running.ended
      }
    },
    async profile(namespace, task) {
      const request = { key: { namespace, task, kind: 1 } } as const
      const { profile } = await call(client.getProfile.bind(client), request, 10_000).catch(() => ({
        profile: undefined,
      }))
      if (profile === undefined) return undefined
      return {
        outcomes: Object.fromEntries(
          profile.outcomes.map(({ outcome, count }) => [outcomeEnum.toWord(outcome), count]),
        ),
        executions: profile.executions.map((execution) => ({
          ...execution,
          outcome: outcomeEnum.toWord(execution.outcome),
        })),
      }
    },
    async stop() {
      client.close()
      running.child.kill('SIGCONT')
      await running.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
