import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { credentials } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../cli/pair.ts'
import { call } from '../../shared/rpc/client.ts'
import { EstimateQuery, EstimatorServiceClient } from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { ProfilerServiceClient } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { eventually, unary, wireRecord } from '../support/profiler-service.ts'
import { type RedisServer, redisServer } from '../support/redis.ts'
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts'

/** A service in several processes behind one address. */

const freeAddress = async () => `127.0.0.1:${await freePort()}`

interface Served {
  readonly listen: string
  readonly metrics: string
  readonly process: ServiceProcess
}

async function serve(service: 'profiler' | 'estimator', flags: readonly string[]): Promise<Served> {
  const [listen, metrics, health] = [await freeAddress(), await freeAddress(), await freeAddress()]
  const process = await startServiceProcess(service, health, [
    ...['--listen', listen, '--metrics-listen', metrics, '--processes', '3'],
    ...flags,
  ])
  return { listen, metrics, process }
}

const pidsOf = ({ process }: Served) =>
  readFileSync(`/proc/${process.child.pid}/task/${process.child.pid}/children`, 'utf8')
    .split(' ')
    .filter(Boolean)
    .map(Number)

/** Messages of the lines that have this pid. */
const linesOf = ({ process }: Served, pid: number | undefined) =>
  process
    .log()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { readonly pid?: number; readonly msg: string })
    .filter((line) => line.pid === pid)
    .map(({ msg }) => msg)

async function figures({ metrics }: Served): Promise<(name: string) => number | undefined> {
  const text = await (await fetch(`http://${metrics}/metrics`)).text()
  return (name) => {
    const line = text.split('\n').find((each) => each.startsWith(`${name} `))
    return line === undefined ? undefined : Number(line.slice(name.length + 1))
  }
}

const served = (name: string) => async (of: Served) => (await figures(of))(`foresize_${name}_processes`)

/** Each over a connection of its own. Returns what closes them. */
async function askOver(connections: number, { listen }: Served): Promise<() => void> {
  const options = { 'grpc.use_local_subchannel_pool': 1 }
  const clients = Array.from(
    { length: connections },
    () => new EstimatorServiceClient(listen, credentials.createInsecure(), options),
  )
  const query = EstimateQuery.fromPartial({ task: { task: 'align' }, attempt: 1 })
  for (const client of clients) await call(client.estimate.bind(client), { query }, 20_000)
  return () => {
    for (const client of clients) client.close()
  }
}

const socketsOf = (pid: number) =>
  readdirSync(`/proc/${pid}/fd`).filter((fd) => linkOf(`/proc/${pid}/fd/${fd}`).startsWith('socket:')).length

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

const estimates = 'foresize_estimator_estimates_total{source="default"}'

describe('an estimator', () => {
  let estimator: Served

  beforeAll(async () => {
    estimator = await serve('estimator', [
      ...['--profiler', await freeAddress(), '--drain-ms', '5000', '--process-silence-ms', '10000'],
    ])
    await eventually(async () => (await served('estimator')(estimator)) === 3)
  })

  afterAll(() => void estimator.process.child.kill('SIGKILL'))

  test('spreads connections evenly, and one look at its metrics tells of all', async () => {
    const before = new Map(pidsOf(estimator).map((pid) => [pid, socketsOf(pid)]))
    const close = await askOver(9, estimator)
    for (const [pid, sockets] of before) expect(socketsOf(pid) - sockets).toBeGreaterThanOrEqual(2)
    close()
    expect((await figures(estimator))(estimates)).toBe(9)
    expect((await fetch(`http://${estimator.metrics}/healthz`)).status).toBe(200)
  })

  test('shares its budgets out: together they are those of one', async () => {
    const figure = await figures(estimator)
    expect(figure('foresize_estimator_profiles_limit')).toBe(3 * Math.floor(100_000 / 3))
    expect(figure('foresize_estimator_profile_bytes_limit')).toBe(3 * Math.floor(512e6 / 3))
  })

  test('of which one is killed serves on, counts on, and has it back', async () => {
    const before = pidsOf(estimator)
    const [first = 0] = before
    process.kill(first, 'SIGKILL')
    await eventually(async () => !pidsOf(estimator).includes(first))
    const close = await askOver(4, estimator)
    close()
    expect((await figures(estimator))(estimates)).toBe(13)
    await eventually(async () => (await served('estimator')(estimator)) === 3)
    expect(pidsOf(estimator)).toHaveLength(3)
    expect((await figures(estimator))('foresize_estimator_lost_processes_total')).toBe(1)
    expect(linesOf(estimator, first)).toContain('a process ended, and is started again')
  })

  test('names in each line of its log the process that wrote it', async () => {
    for (const pid of pidsOf(estimator)) expect(linesOf(estimator, pid)).toContain('serving')
    expect(linesOf(estimator, undefined)).toEqual(['serving in several processes'])
  })

  test('of which one falls silent has it ended, and started again', async () => {
    const [first = 0] = pidsOf(estimator)
    process.kill(first, 'SIGSTOP')
    await eventually(async () => !pidsOf(estimator).includes(first))
    expect(linesOf(estimator, first)).toContain('a process is silent, and is ended')
    await eventually(async () => (await served('estimator')(estimator)) === 3)
  })

  test('whose address is taken ends all, with the reason', async () => {
    const flags = ['--listen', estimator.listen, '--metrics-listen=', '--processes', '2']
    const second = startServiceProcess('estimator', await freeAddress(), flags)
    await expect(second).rejects.toThrow(`cannot listen on ${estimator.listen}`)
  })

  test('stops gently as one, whoever of them hears the signal', async () => {
    const children = pidsOf(estimator)
    for (const pid of children) process.kill(pid, 'SIGTERM')
    expect(await estimator.process.stop()).toBe(0)
    for (const pid of children) expect(() => process.kill(pid, 0)).toThrow()
  })
})

test('with its primary killed none is left', async () => {
  const estimator = await serve('estimator', ['--profiler', await freeAddress()])
  await eventually(async () => (await served('estimator')(estimator)) === 3)
  const children = pidsOf(estimator)
  estimator.process.child.kill('SIGKILL')
  const lives = (pid: number) => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }
  await eventually(async () => !children.some(lives))
})

describe('a profiler', () => {
  test('on a store of one process refuses to be several', async () => {
    const flags = ['--listen', await freeAddress(), '--store', 'memory', '--processes', '2']
    const started = startServiceProcess('profiler', await freeAddress(), flags)
    await expect(started).rejects.toThrow('--processes 2: --store memory belongs to one process')
  })

  test('on Redis folds what any of its processes is told, once', async () => {
    const redis: RedisServer = await redisServer()
    const profiler = await serve('profiler', ['--store', 'redis', '--redis-nodes', redis.node])
    try {
      await eventually(async () => (await served('profiler')(profiler)) === 3)
      for (const execution of ['a', 'b', 'c', 'a', 'b', 'c']) {
        const options = { 'grpc.use_local_subchannel_pool': 1 }
        const client = new ProfilerServiceClient(profiler.listen, credentials.createInsecure(), options)
        await unary(client, 'updateProfile', { executions: [wireRecord(execution)] })
        client.close()
      }
      const figure = await figures(profiler)
      expect(figure('foresize_profiler_repeated_executions_total')).toBe(3)
      expect(figure('foresize_profiler_ready')).toBe(1)
    } finally {
      await profiler.process.stop()
      await redis.stop()
    }
  })
})
