import { once } from 'node:events'
import { credentials, makeClientConstructor, type ServiceError, status } from '@grpc/grpc-js'
import { service as healthService } from 'grpc-health-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '../../cli/pair.ts'
import { ProfilerServiceClient } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { eventually, unary, wireRecord } from '../support/profiler-service.ts'
import { type RedisServer, redisServer } from '../support/redis.ts'
import { outcomeOf } from '../support/secure-services.ts'
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts'

let redis: RedisServer
let profiler: ServiceProcess
let health: string
let client: ProfilerServiceClient

beforeAll(async () => {
  redis = await redisServer()
  health = `127.0.0.1:${await freePort()}`
  const listen = `127.0.0.1:${await freePort()}`
  profiler = await startServiceProcess('profiler', health, [
    ...['--listen', listen, '--metrics-listen', '', '--store', 'redis', '--redis-nodes', redis.node],
    ...['--redis-timeout-ms', '300'],
  ])
  client = new ProfilerServiceClient(listen, credentials.createInsecure())
})

afterAll(async () => {
  client.close()
  profiler.child.kill('SIGKILL')
  await redis.stop()
})

function healthOf(service: string): Promise<string> {
  const Health = makeClientConstructor(healthService, 'grpc.health.v1.Health')
  const asking = new Health(health, credentials.createInsecure())
  const check = asking['check'] as (
    request: { readonly service: string },
    done: (error: ServiceError | null, response?: { readonly status: string }) => void,
  ) => void
  return new Promise<string>((resolve, reject) =>
    check.call(asking, { service }, (error, response) =>
      error ? reject(error) : resolve(response?.status ?? ''),
    ),
  ).finally(() => asking.close())
}

let reported = 0
const report = () =>
  outcomeOf(unary(client, 'updateProfile', { executions: [wireRecord(`execution-${reported++}`)] }))

test('a Redis that is down takes no profiler down: it lives, refuses what it cannot store, and goes on when Redis is back', async () => {
  expect(await report()).toBe(status.OK)
  await redis.kill('SIGKILL')
  await eventually(async () => (await report()) === status.UNAVAILABLE)
  expect(await healthOf('liveness')).toBe('SERVING')
  expect(profiler.child.exitCode).toBeNull()
  await redis.restart()
  await eventually(async () => (await report()) === status.OK)
  expect(await healthOf('')).toBe('SERVING')
  profiler.child.kill('SIGTERM')
  await once(profiler.child, 'exit')
  expect(profiler.child.exitCode).toBe(0)
})
