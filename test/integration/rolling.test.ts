import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { freePort } from '../../cli/pair.ts'
import { createEstimatorClient } from '../../services/scheduler/client.ts'
import { createWorker } from '../../workers/typescript/worker.ts'
import { certificateAuthority } from '../support/certificates.ts'
import { countOf, eventually } from '../support/profiler-service.ts'
import { secureClient, type TokenEntry, writeTokens } from '../support/secure-services.ts'
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts'

const folders: string[] = []
const processes: ServiceProcess[] = []

afterEach(async () => {
  for (const { child } of processes) if (child.exitCode === null) child.kill('SIGKILL')
  for (const folder of folders) await rm(folder, { recursive: true })
})

const reporter: TokenEntry = { token: 'w', name: 'worker', roles: ['worker'], namespaces: ['default'] }
const scheduler: TokenEntry = { token: 's', name: 'scheduler', roles: ['scheduler'], namespaces: ['default'] }
const follower: TokenEntry = { token: 'e', name: 'estimator', roles: ['estimator'], namespaces: ['*'] }
const operator: TokenEntry = { token: 'o', name: 'operator', roles: ['operator'], namespaces: ['*'] }

interface Places {
  readonly address: string
  readonly health: string
  readonly metrics: string
}

const places = async (): Promise<Places> => {
  const [address, health, metrics] = [await freePort(), await freePort(), await freePort()]
  return { address: `127.0.0.1:${address}`, health: `127.0.0.1:${health}`, metrics: `127.0.0.1:${metrics}` }
}

async function callsAnsweredBy({ metrics }: Places): Promise<number> {
  const page = await (await fetch(`http://${metrics}/metrics`)).text()
  const counts = page.matchAll(/^foresize_estimator_calls_total\{[^}]*code="OK"\} (\d+)/gm)
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
}

test('both services are restarted one by one under load, over TLS: no estimate fails, no execution is lost', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'foresize-rolling-'))
  folders.push(folder)
  const authority = await certificateAuthority(folder, 'ours')
  const { certFile, keyFile } = await authority.issue('server')
  const tokensFile = join(folder, 'tokens.json')
  await writeTokens(tokensFile, [reporter, scheduler, follower, operator])
  const secured = ['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tokens-file', tokensFile]
  const tls = { caFile: authority.caFile }

  const profilerPlaces = await places()
  const startProfiler = () =>
    startServiceProcess('profiler', profilerPlaces.health, [
      ...['--listen', profilerPlaces.address, '--metrics-listen', profilerPlaces.metrics, ...secured],
      ...['--data-dir', join(folder, 'profiles'), '--max-reported-per-second', '1000000'],
    ])
  const followerFile = join(folder, 'follower-token')
  await writeFile(followerFile, follower.token)
  const estimatorPlaces = [await places(), await places()]
  const startEstimator = (at: Places) =>
    startServiceProcess('estimator', at.health, [
      ...['--listen', at.address, '--metrics-listen', at.metrics, ...secured],
      ...['--profiler', profilerPlaces.address, '--profiler-ca-file', authority.caFile],
      ...['--profiler-token-file', followerFile],
    ])

  let profiler = await startProfiler()
  const estimators = await Promise.all(estimatorPlaces.map(startEstimator))
  processes.push(profiler, ...estimators)

  const worker = createWorker({
    target: profilerPlaces.address,
    tls,
    token: reporter.token,
    batchIntervalMs: 20,
  })
  const client = createEstimatorClient({
    target: `ipv4:${estimatorPlaces.map(({ address }) => address).join(',')}`,
    tls,
    token: scheduler.token,
    updateIntervalMs: 0,
    deadlineMs: 10_000,
  })
  let isOver = false
  let reported = 0
  let asked = 0
  const failures: string[] = []
  const reporting = (async () => {
    for (; !isOver; reported++) {
      worker
        .startExecution({ task: `task-${reported % 10}` })
        .end('succeeded', { memoryBytes: 1e9, durationMs: 1e3 })
      await sleep(5)
    }
  })()
  const asking = Array.from({ length: 4 }, async (_, i) => {
    for (; !isOver; asked++) {
      const answer = await client.estimate({
        ...{
          task: { namespace: 'default', task: `task-${(asked + i) % 10}` },
          features: {},
          labels: {},
          requested: {},
        },
        ...{ attempt: 1, previousAllocation: {}, policy: {}, executionId: '' },
      })
      if (answer.kind === 'unavailable') failures.push(answer.reason)
      await sleep(5)
    }
  })
  const moreLoad = async () => {
    const [reportedBefore, askedBefore] = [reported, asked]
    await eventually(async () => reported > reportedBefore + 50 && asked > askedBefore + 50)
  }
  await moreLoad()

  for (const [i, at] of estimatorPlaces.entries()) {
    expect(await estimators[i]?.stop()).toBe(0)
    await moreLoad()
    const next = await startEstimator(at)
    processes.push(next)
    // As minReadySeconds gives clients time to find it: the next one goes when this one carries load.
    await eventually(async () => (await callsAnsweredBy(at)) > 10)
  }
  expect(await profiler.stop()).toBe(0)
  await moreLoad()
  profiler = await startProfiler()
  processes.push(profiler)
  const disconnects = worker.statistics().disconnects
  await moreLoad()
  isOver = true
  await Promise.all([reporting, ...asking])

  expect(failures).toEqual([])
  expect(client.statistics()).toMatchObject({ unavailable: 0, outdated: 0 })
  expect(disconnects).toBeGreaterThan(0)
  expect(await worker.close(20_000)).toBe(true)
  const reader = secureClient({ target: profilerPlaces.address, tls, token: operator.token })
  let counted = 0
  for (let i = 0; i < 10; i++) counted += await countOf(reader, `task-${i}`)
  expect(counted).toBe(reported)
  reader.close()
  client.close()
  for (const each of processes) expect(await each.stop()).toBe(0)
}, 120_000)
