import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { createEstimatorClient } from '../../services/scheduler/client.ts'
import { createWorker } from '../../workers/typescript/worker.ts'
import { certificateAuthority } from '../support/certificates.ts'
import { countOf, eventually } from '../support/profiler-service.ts'
import { queryOf } from '../support/queries.ts'
import { redisServer } from '../support/redis.ts'
import { callsTo, connectionsTo, type Places, placesFor, roll, targetOf } from '../support/rolling.ts'
import { secureClient, type TokenEntry, writeTokens } from '../support/secure-services.ts'
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts'

const closing: (() => Promise<unknown> | unknown)[] = []
const processes: ServiceProcess[] = []

afterEach(async () => {
  for (const { child } of processes.splice(0)) if (child.exitCode === null) child.kill('SIGKILL')
  for (const close of closing.splice(0).toReversed()) await close()
})

const reporter: TokenEntry = { token: 'w', name: 'worker', roles: ['worker'], namespaces: ['default'] }
const scheduler: TokenEntry = { token: 's', name: 'scheduler', roles: ['scheduler'], namespaces: ['default'] }
const follower: TokenEntry = { token: 'e', name: 'estimator', roles: ['estimator'], namespaces: ['*'] }
const operator: TokenEntry = { token: 'o', name: 'operator', roles: ['operator'], namespaces: ['*'] }

test.each([
  ['one profiler on LMDB, restarted in place', 1, async () => ['--store', 'lmdb']],
  [
    'two profilers on one Redis',
    2,
    async () => {
      const redis = await redisServer(['--appendonly', 'yes'])
      closing.push(redis.stop)
      return ['--store', 'redis', '--redis-nodes', `127.0.0.1:${redis.port}`]
    },
  ],
] as const)(
  'services are restarted one by one under load, over TLS: no estimate fails, no execution is lost: %s',
  async (_, profilerCount, storeFlags) => {
    const folder = await mkdtemp(join(tmpdir(), 'foresize-rolling-'))
    closing.push(() => rm(folder, { recursive: true }))
    const authority = await certificateAuthority(folder, 'ours')
    const { certFile, keyFile } = await authority.issue('server')
    const tokensFile = join(folder, 'tokens.json')
    await writeTokens(tokensFile, [reporter, scheduler, follower, operator])
    const followerFile = join(folder, 'follower-token')
    await writeFile(followerFile, follower.token)
    const tls = { caFile: authority.caFile }
    const store = [...(await storeFlags()), '--data-dir', join(folder, 'profiles')]
    const [profilerPlaces, estimatorPlaces] = [await placesFor(profilerCount), await placesFor(2)]
    const start = async (
      service: 'profiler' | 'estimator',
      at: Places | undefined,
      flags: readonly string[],
    ) => {
      const started = await startServiceProcess(service, at?.health ?? '', [
        ...['--listen', at?.address ?? '', '--metrics-listen', at?.metrics ?? ''],
        ...['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tokens-file', tokensFile, ...flags],
      ])
      processes.push(started)
      return started
    }
    const startProfiler = (i: number) =>
      start('profiler', profilerPlaces[i], [...store, '--max-reported-per-second', '1000000'])
    const startEstimator = (i: number) =>
      start('estimator', estimatorPlaces[i], [
        ...['--profiler', targetOf(profilerPlaces), '--profiler-ca-file', authority.caFile],
        ...['--profiler-token-file', followerFile],
      ])
    const profilers = await Promise.all([...profilerPlaces.keys()].map(startProfiler))
    const estimators = await Promise.all([...estimatorPlaces.keys()].map(startEstimator))

    const target = targetOf(profilerPlaces)
    const worker = createWorker({
      target,
      tls,
      token: reporter.token,
      batchIntervalMs: 20,
      reconnectMaxMs: 500,
    })
    const client = createEstimatorClient({
      ...{ target: targetOf(estimatorPlaces), tls, token: scheduler.token },
      ...{ updateIntervalMs: 0, deadlineMs: 10_000 },
    })
    let isOver = false
    let reported = 0
    let asked = 0
    const failures: string[] = []
    const reporting = (async () => {
      for (; !isOver; reported++) {
        const execution = worker.startExecution({ task: `task-${reported % 10}` })
        execution.end('succeeded', { memoryBytes: 1e9, durationMs: 1000 })
        await sleep(5)
      }
    })()
    const asking = Array.from({ length: 4 }, async (_, i) => {
      for (; !isOver; asked++) {
        const answer = await client.estimate(
          queryOf({ task: { namespace: 'default', task: `task-${(asked + i) % 10}` } }),
        )
        if (answer.kind === 'unavailable') failures.push(answer.reason)
        await sleep(5)
      }
    })
    const underLoad = async () => {
      const [reportedBefore, askedBefore] = [reported, asked]
      await eventually(async () => reported > reportedBefore + 50 && asked > askedBefore + 50)
    }
    await underLoad()
    await roll(estimators, startEstimator, underLoad, async (i) => (await callsTo(estimatorPlaces[i])) > 10)
    await roll(profilers, startProfiler, underLoad, async (i) => (await connectionsTo(profilerPlaces[i])) > 0)
    await underLoad()
    isOver = true
    await Promise.all([reporting, ...asking])

    expect(failures).toEqual([])
    expect(client.statistics()).toMatchObject({ unavailable: 0, outdated: 0 })
    expect(worker.statistics().disconnects).toBeGreaterThan(0)
    expect(await worker.close(20_000)).toBe(true)
    const reader = secureClient({ target, tls, token: operator.token })
    let counted = 0
    for (let i = 0; i < 10; i++) counted += await countOf(reader, `task-${i}`)
    expect(counted).toBe(reported)
    reader.close()
    client.close()
    for (const each of [...estimators, ...profilers]) expect(await each.stop()).toBe(0)
  },
  120_000,
)
