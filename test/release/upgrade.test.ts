import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { isServing } from '../../cli/health-check.ts'
import { embeddedStoreFlags, freePort, noMetrics } from '../../cli/pair.ts'
import { call, channelCredentials, clientOptions } from '../../shared/rpc/client.ts'
import { fromQuery } from '../../shared/wire/estimate.ts'
import { EstimatorServiceClient } from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { ProfilerServiceClient } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { createWorker } from '../../workers/typescript/worker.ts'
import { countOf, eventually } from '../e2e/support.ts'
import { queryOf } from '../support/queries.ts'

/**
 * Today's services beside those of an earlier state, on one store and over one contract. Nothing was released yet: the
 * earlier state is a commit, which the first release shall replace.
 */
const earlierCommit = '62607fc561d8'
const root = join(import.meta.dirname, '..', '..')

let place: string
const today = root
const earlier = () => join(place, 'earlier')
const children: ChildProcess[] = []

beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'foresize-upgrade-'))
  const archive = join(place, 'earlier.tar')
  execFileSync('git', ['archive', '--prefix=earlier/', '--output', archive, earlierCommit], { cwd: root })
  execFileSync('tar', ['-xf', archive, '-C', place])
  symlinkSync(join(root, 'node_modules'), join(earlier(), 'node_modules'))
})
afterEach(async () => {
  for (const child of children.splice(0)) await stop(child)
})
afterAll(() => rmSync(place, { recursive: true, force: true }))

/** A loaded machine may need long. */
const startWithinMs = 120_000

async function start(source: string, service: string, address: string, flags: readonly string[]) {
  const main = join(source, 'services', service, 'main.ts')
  const child = spawn(process.execPath, [main, '--listen', address, noMetrics, ...flags], { stdio: 'ignore' })
  children.push(child)
  const endMs = performance.now() + startWithinMs
  while (!(await isServing(address, 2000))) {
    if (child.exitCode !== null || performance.now() > endMs) throw new Error(`the ${service} does not serve`)
  }
  return child
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

const address = async () => `127.0.0.1:${await freePort()}`
const task = (name: string) => ({ namespace: 'default', task: name })

async function count(profiler: string, name: string): Promise<number> {
  const client = new ProfilerServiceClient(profiler, channelCredentials({ target: profiler }), clientOptions)
  try {
    const request = { key: { namespace: 'default', kind: 1, task: name } } as const
    const { profile } = await call(client.getProfile.bind(client), request, 5000)
    return profile === undefined ? 0 : countOf(profile)
  } finally {
    client.close()
  }
}

async function report(profiler: string, name: string, executions: number): Promise<void> {
  const worker = createWorker({ target: profiler })
  for (let i = 0; i < executions; i++) {
    worker
      .startExecution({ task: name, features: { n: i } })
      .end('succeeded', { memoryBytes: 1e8 + i * 1e6, durationMs: 1000 })
  }
  expect(await worker.flush(20_000)).toBe(true)
  await worker.close()
}

async function executionsKnown(estimator: string, name: string): Promise<number> {
  const client = new EstimatorServiceClient(
    estimator,
    channelCredentials({ target: estimator }),
    clientOptions,
  )
  try {
    const query = fromQuery(queryOf({ task: task(name), features: { n: 3 } }))
    const { estimate } = await call(client.estimate.bind(client), { query }, 5000)
    return estimate?.executions ?? 0
  } finally {
    client.close()
  }
}

const versions = { earlier, today: () => today }
type Version = keyof typeof versions

test.each<[Version, Version]>([
  ['earlier', 'today'],
  ['today', 'earlier'],
])('what the %s profiler has stored, the %s one reads and adds to', async (first, second) => {
  const profiler = await address()
  const flags = embeddedStoreFlags(mkdtempSync(join(place, 'store-')))
  await stop(
    await start(versions[first](), 'profiler', profiler, flags).then(async (child) => {
      await report(profiler, 'stored', 8)
      return child
    }),
  )
  await start(versions[second](), 'profiler', profiler, flags)
  expect(await count(profiler, 'stored')).toBe(8)
  await report(profiler, 'stored', 4)
  expect(await count(profiler, 'stored')).toBe(12)
})

test.each<[Version, Version]>([
  ['earlier', 'today'],
  ['today', 'earlier'],
])('the %s profiler feeds the %s estimator', async (first, second) => {
  const [profiler, estimator] = [await address(), await address()]
  await start(versions[first](), 'profiler', profiler, embeddedStoreFlags(mkdtempSync(join(place, 'store-'))))
  await start(versions[second](), 'estimator', estimator, ['--profiler', profiler])
  await report(profiler, 'fed', 8)
  const known = await eventually(async () => {
    const executions = await executionsKnown(estimator, 'fed')
    return executions >= 7 ? executions : undefined
  })
  expect(Math.round(known)).toBe(8)
})

test.each<[Version, Version]>([
  ['earlier', 'today'],
  ['today', 'earlier'],
])(
  'a stream that is open while the %s profiler is replaced by the %s one goes on, and counts once',
  async (first, second) => {
    const profiler = await address()
    const flags = embeddedStoreFlags(mkdtempSync(join(place, 'store-')))
    const before = await start(versions[first](), 'profiler', profiler, flags)
    const worker = createWorker({ target: profiler })
    const executions = Array.from({ length: 5 }, () => worker.startExecution({ task: 'streamed' }))
    for (const execution of executions) execution.sample({ elapsedMs: 10, memoryBytes: 1e8 })
    expect(await worker.flush(20_000)).toBe(true)
    await stop(before)
    for (const execution of executions) execution.sample({ elapsedMs: 20, memoryBytes: 2e8 })
    await start(versions[second](), 'profiler', profiler, flags)
    for (const execution of executions) execution.end('succeeded', { durationMs: 30 })
    expect(await worker.flush(30_000)).toBe(true)
    await worker.close()
    expect(await count(profiler, 'streamed')).toBe(5)
  },
)
