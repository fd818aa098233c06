import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Client, credentials } from '@grpc/grpc-js'
import { call, clientOptions } from '../shared/rpc/client.ts'
import { EstimateQuery, EstimatorServiceClient } from '../shared/wire/gen/foresize/v1/estimator_service.ts'
import { tasks } from './ingest.ts'
import { type Pair, type ServerProcess, startPair } from './server-process.ts'

/**
 * Whether both services keep their memory and their manners for long: at a part of what this machine can store, and while
 * it is given more than that. Prints each figure with its bound and fails beyond one. Figures hold of an idle machine only.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    share: { type: 'string', default: '0.7' },
    'phase-s': { type: 'string', default: '30' },
  },
})
const minutes = Number(values.minutes)
const share = Number(values.share)
const phaseMs = 1000 * Number(values['phase-s'])

/** Growth is looked at over the last half, of at most so long. */
const longestTailMs = 15 * 60_000

const bounds = { growthMbPerMinute: 1, estimateTimesIdle: 3, healthP99Ms: 100 }

interface Latencies {
  readonly estimateP99Ms: number
  readonly healthP99Ms: number
}

const quantile = (sorted: readonly number[], q: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN

const p99 = (found: readonly number[]) =>
  quantile(
    found.toSorted((a, b) => a - b),
    0.99,
  )

/** Asks both services now and then while `until` is pending, each as one caller among others. */
async function probed(pair: Pair, until: Promise<unknown>): Promise<Latencies> {
  let isOver = false
  void until.finally(() => {
    isOver = true
  })
  const estimator = new EstimatorServiceClient(
    pair.estimator.address,
    credentials.createInsecure(),
    clientOptions,
  )
  const healths = [pair.profiler, pair.estimator].map(
    ({ address }) => new Client(address, credentials.createInsecure(), clientOptions),
  )
  const estimates: number[] = []
  const checks: number[] = []
  async function timed(into: number[], ask: () => Promise<unknown>): Promise<void> {
    while (!isOver) {
      const beganMs = performance.now()
      await ask()
      into.push(performance.now() - beganMs)
      await sleep(20)
    }
  }
  let asked = 0
  const estimate = () => {
    const task = { namespace: 'bench', task: `task-${asked++ % tasks}` }
    const query = EstimateQuery.fromPartial({ task, features: { input_bytes: 1e8 + asked } })
    return call(estimator.estimate.bind(estimator), { query }, 30_000)
  }
  await Promise.all([
    timed(estimates, estimate),
    ...healths.map((health) => timed(checks, () => isHealthy(health))),
  ])
  for (const client of [estimator, ...healths]) client.close()
  return { estimateP99Ms: p99(estimates), healthP99Ms: p99(checks) }
}

const isHealthy = (client: Client) =>
  new Promise<void>((resolve, reject) => {
    const plain = (message: Buffer) => message
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      plain,
      plain,
      Buffer.alloc(0),
      { deadline: Date.now() + 30_000 },
      (error) => (error ? reject(error) : resolve()),
    )
  })

/** Loads the profiler for so long. Resolves to executions stored a second. */
async function load(pair: Pair, perSecond: number, ms: number): Promise<number> {
  const child = fork(join(import.meta.dirname, 'soak-load.ts'), [pair.profiler.address, `${perSecond}`])
  let stored = 0
  child.on('message', (count: number) => {
    stored = count
  })
  await Promise.race([
    sleep(ms),
    once(child, 'exit').then(() => Promise.reject(new Error('the load ended before its time'))),
  ])
  child.kill('SIGKILL')
  return stored / (ms / 1000)
}

/** Samples of memory by time, until `until` resolves. */
async function memoryOf(server: ServerProcess, until: Promise<unknown>) {
  const samples: { readonly ms: number; readonly megabytes: number }[] = []
  let isOver = false
  void until.finally(() => {
    isOver = true
  })
  while (!isOver) {
    samples.push({ ms: performance.now(), megabytes: server.residentBytes() / 1e6 })
    await Promise.race([sleep(2000), until])
  }
  return samples
}

type Samples = Awaited<ReturnType<typeof memoryOf>>

function byMinute(samples: Samples): string {
  const beganMs = samples[0]?.ms ?? 0
  const minuteOf = (ms: number) => Math.floor((ms - beganMs) / 60_000)
  const firsts = samples.filter(({ ms }, i) => minuteOf(ms) > minuteOf(samples[i - 1]?.ms ?? -Infinity))
  return firsts.map(({ megabytes }) => megabytes.toFixed(0)).join(' ')
}

/** By least squares, over the tail. */
function growthMbPerMinute(samples: Samples): number {
  const lastMs = samples.at(-1)?.ms ?? 0
  const tailMs = Math.min(longestTailMs, (lastMs - (samples[0]?.ms ?? 0)) / 2)
  const tail = samples.filter(({ ms }) => ms >= lastMs - tailMs)
  const meanMs = tail.reduce((sum, { ms }) => sum + ms, 0) / tail.length
  const mean = tail.reduce((sum, { megabytes }) => sum + megabytes, 0) / tail.length
  const across = tail.reduce((sum, { ms, megabytes }) => sum + (ms - meanMs) * (megabytes - mean), 0)
  return (60_000 * across) / tail.reduce((sum, { ms }) => sum + (ms - meanMs) ** 2, 0)
}

let isWell = true
function verdict(what: string, figure: number, bound: number, unit: string): void {
  const holds = figure <= bound
  isWell &&= holds
  say(`${holds ? 'holds ' : 'BROKEN'}  ${what}: ${figure.toFixed(2)} ${unit}, at most ${bound.toFixed(2)}`)
}

const say = (line: string) => void process.stdout.write(`${line}\n`)
const told = ({ estimateP99Ms, healthP99Ms }: Latencies) =>
  `p99 of Estimate ${estimateP99Ms.toFixed(1)} ms, of health ${healthP99Ms.toFixed(1)} ms`

const pair = await startPair('lmdb')
try {
  // So that there is something to estimate from.
  await load(pair, 0, phaseMs / 3)
  const idle = await probed(pair, sleep(phaseMs))
  say(`idle: ${told(idle)}`)

  const flood = load(pair, 0, phaseMs)
  const flooded = await probed(pair, flood)
  const most = await flood
  say(`flooded: ${most.toFixed(0)} executions/s stored, ${told(flooded)}`)

  const steady = load(pair, share * most, minutes * 60_000)
  const [latencies, profiler, estimator] = await Promise.all([
    probed(pair, steady),
    memoryOf(pair.profiler, steady),
    memoryOf(pair.estimator, steady),
  ])
  say(
    `${minutes} minutes at ${(100 * share).toFixed(0)} %: ${(await steady).toFixed(0)} executions/s stored, ${told(latencies)}`,
  )
  say(`profiler, MB by minute: ${byMinute(profiler)}`)
  say(`estimator, MB by minute: ${byMinute(estimator)}`)

  verdict('growth of the profiler', growthMbPerMinute(profiler), bounds.growthMbPerMinute, 'MB a minute')
  verdict('growth of the estimator', growthMbPerMinute(estimator), bounds.growthMbPerMinute, 'MB a minute')
  const times = flooded.estimateP99Ms / idle.estimateP99Ms
  verdict('p99 of Estimate, flooded over idle', times, bounds.estimateTimesIdle, 'times')
  verdict('p99 of health, flooded', flooded.healthP99Ms, bounds.healthP99Ms, 'ms')
  verdict('p99 of health, at the steady rate', latencies.healthP99Ms, bounds.healthP99Ms, 'ms')
} finally {
  await pair.stop()
}
process.exit(isWell ? 0 : 1)
