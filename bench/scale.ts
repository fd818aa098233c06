import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { credentials } from '@grpc/grpc-js'
import { freePort, type RunningService, startService } from '../cli/pair.ts'
import { clientOptions } from '../shared/rpc/client.ts'
import { EstimatorServiceClient } from '../shared/wire/gen/foresize/v1/estimator_service.ts'
import { redisServer } from '../test/support/redis.ts'
import { spread } from './bench.ts'
import { coreShares } from './core-share.ts'
import { estimate, learned, newQuery, teach } from './estimate.ts'
import { executionsPerBatch, stream, wholeExecutions } from './ingest.ts'
import { cpuSecondsOf, pidOf, residentBytesOf } from './server-process.ts'

/**
 * What 1, 2 and 4 processes of a service do, each held to the same part of a core, so that a machine of few cores shows what
 * one of many does: estimators behind one address, and profilers on one Redis.
 */

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    'run-ms': { type: 'string', default: '3000' },
    'core-share': { type: 'string', default: '0.1' },
  },
})
const rounds = Math.max(1, Math.round(Number(values.rounds)) || 5)
const runMs = Math.max(100, Number(values['run-ms']) || 3000)
const share = Math.min(1, Math.max(0.05, Number(values['core-share']) || 0.1))

const counts = [1, 2, 4] as const
/** As many callers for each process, each with a connection of its own. */
const connectionsEach = 2
const inFlightEach = 8
/** Of reporters, each with a namespace of its own, another for each count: what a profiler has cached of it stays right. */
const generators = 4

/** One short run. */
interface ScaleRun {
  readonly perSecond: number
  /** Of the processes that do the work. */
  readonly cpuSecondsEach: number
  /** Of what all of them need: the primary, Redis. */
  readonly sharedCpuSecondsEach: number
}

const shares = coreShares()
const started: RunningService[] = []
const folder = await mkdtemp(join(tmpdir(), 'foresize-scale-'))
try {
  shares.prefer(process.pid)
  const estimators = await estimatorRuns()
  print('estimators behind one address, new queries', 'estimates', 'the primary', estimators)
  const profilers = await profilerRuns()
  print('profilers on one Redis, whole executions', 'executions', 'Redis', profilers)
} finally {
  shares.close()
  for (const service of started.toReversed()) await service.stop()
  await rm(folder, { recursive: true, force: true })
}

async function start(service: 'profiler' | 'estimator', flags: readonly string[]): Promise<RunningService> {
  const listen = `127.0.0.1:${await freePort()}`
  const more = [...flags, '--log-level=warn', '--metrics-listen=']
  const running = await startService({ service, listen, flags: more, onLog })
  started.push(running)
  return running
}

/** In turn, so that whatever else the machine does falls on all alike; the first round is not counted. */
async function inTurn(
  run: (count: (typeof counts)[number]) => Promise<ScaleRun>,
): Promise<Map<number, ScaleRun[]>> {
  const runs = new Map<number, ScaleRun[]>(counts.map((count) => [count, []]))
  for (let round = 0; round <= rounds; round++) {
    for (const count of counts) {
      const done = await run(count)
      if (round > 0) runs.get(count)?.push(done)
    }
  }
  return runs
}

async function estimatorRuns(): Promise<Map<number, ScaleRun[]>> {
  const profiler = await start('profiler', ['--store', 'memory', '--data-dir', folder])
  await teach(profiler.address)
  const byCount = new Map<
    number,
    { readonly clients: EstimatorServiceClient[]; readonly primary: number; readonly pids: number[] }
  >()
  for (const count of counts) {
    const flags = ['--profiler', profiler.address, '--processes', String(count)]
    const service = await start('estimator', flags)
    const primary = pidOf(service.child)
    const pids = count === 1 ? [primary] : await childrenOf(primary, count)
    const options = { ...clientOptions, 'grpc.use_local_subchannel_pool': 1 }
    const clients = Array.from(
      { length: connectionsEach * count },
      () => new EstimatorServiceClient(service.address, credentials.createInsecure(), options),
    )
    for (const client of clients) await learned(client)
    for (const pid of pids) shares.limit(pid, share)
    byCount.set(count, { clients, primary, pids })
  }
  const runs = await inTurn(async (count) => {
    const of = byCount.get(count)
    if (of === undefined) throw new Error('never')
    const { clients, primary, pids } = of
    const measured = measureCpu(pids, pids.includes(primary) ? [] : [primary])
    const endMs = performance.now() + runMs
    let asked = 0
    const lane = async (client: EstimatorServiceClient) => {
      while (performance.now() < endMs) await estimate(newQuery)(client, asked++)
    }
    await Promise.all(clients.flatMap((client) => Array.from({ length: inFlightEach }, () => lane(client))))
    return measured(asked)
  })
  for (const [count, { clients, primary, pids }] of byCount) {
    const megabytes = [...new Set([primary, ...pids])].reduce(
      (sum, pid) => sum + residentBytesOf(pid) / 1e6,
      0,
    )
    process.stdout.write(`${count} estimators hold ${Math.round(megabytes)} MB, RSS of all their processes\n`)
    for (const client of clients) client.close()
  }
  shares.close()
  for (const service of started.splice(0).toReversed()) await service.stop()
  return runs
}

async function profilerRuns(): Promise<Map<number, ScaleRun[]>> {
  const redis = await redisServer(['--appendfsync', 'everysec'])
  try {
    const profilers: RunningService[] = []
    for (let i = 0; i < Math.max(...counts); i++) {
      profilers.push(await start('profiler', ['--store', 'redis', '--redis-nodes', redis.node]))
    }
    for (const { child } of profilers) shares.limit(pidOf(child), share)
    const pids = profilers.map(({ child }) => pidOf(child))
    const redisPid = pidOf(redis.process())
    shares.prefer(process.pid)
    shares.prefer(redisPid)
    return await inTurn(async (count) => {
      const measured = measureCpu(pids.slice(0, count), [redisPid])
      const done = await Promise.all(
        Array.from({ length: generators }, (_, i) => {
          const { address } = profilers[i % count] as RunningService
          return stream(
            { address, cpuSeconds: () => 0 },
            inNamespace(`bench-${count}-${i}`),
            executionsPerBatch,
            {
              rounds,
              runMs,
            },
          )
        }),
      )
      return measured(done.reduce((sum, { operations }) => sum + operations, 0))
    })
  } finally {
    shares.close()
    for (const service of started.splice(0).toReversed()) await service.stop()
    await redis.stop()
  }
}

/** Whole executions of tasks of a namespace of one's own. */
function inNamespace(namespace: string): typeof wholeExecutions {
  return (session, sequence) => {
    const batch = wholeExecutions(session, sequence)
    return {
      ...batch,
      starts: batch.starts.map((start) => ({ ...start, task: start.task && { ...start.task, namespace } })),
    }
  }
}

function measureCpu(pids: readonly number[], shared: readonly number[]): (operations: number) => ScaleRun {
  const cpu = (of: readonly number[]) => of.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0)
  const [startMs, own, others] = [performance.now(), cpu(pids), cpu(shared)]
  return (operations) => ({
    perSecond: (operations * 1000) / (performance.now() - startMs),
    cpuSecondsEach: (cpu(pids) - own) / operations,
    sharedCpuSecondsEach: (cpu(shared) - others) / operations,
  })
}

async function childrenOf(pid: number, count: number): Promise<number[]> {
  for (;;) {
    const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number)
    if (pids.length === count) return pids
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function print(
  title: string,
  unit: string,
  sharer: string,
  runs: ReadonlyMap<number, readonly ScaleRun[]>,
): void {
  process.stdout.write(
    `${title}: each process has ${share} of a core, ${rounds} rounds, medians (least to most)\n`,
  )
  const alone = runs.get(1) ?? []
  for (const [count, of] of runs) {
    const rate = spread(of.map(({ perSecond }) => perSecond))
    const times = spread(of.map(({ perSecond }, i) => perSecond / (alone[i]?.perSecond ?? Number.NaN)))
    const own = spread(of.map(({ cpuSecondsEach }) => cpuSecondsEach * 1e6))
    const others = spread(of.map(({ sharedCpuSecondsEach }) => sharedCpuSecondsEach * 1e6))
    process.stdout.write(
      `  ${count}: ${times.median.toFixed(2)} × (${times.min.toFixed(2)}–${times.max.toFixed(2)}), ` +
        `${Math.round(rate.median)} ${unit}/s, CPU each ${own.median.toFixed(0)} µs ` +
        `(${own.min.toFixed(0)}–${own.max.toFixed(0)}), ${sharer} ${others.median.toFixed(1)} µs\n`,
    )
  }
}

function onLog(line: string): void {
  process.stderr.write(`${line}\n`)
}
