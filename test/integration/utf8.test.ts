import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as estimator from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { Profile } from '../../shared/wire/gen/foresize/v1/profile.ts'
import * as profiler from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { estimatorFixture, wireQuery } from '../support/estimator-fixture.ts'
import { type GatewayFixture, gatewayFixture } from '../support/gateway-fixture.ts'
import { type TestProfiler, testProfiler, unary, wireRecord } from '../support/profiler-service.ts'

/**
 * Texts that are not UTF-8: decoders read each bad byte as U+FFFD, and two names would be one. They are refused, with the
 * field, wherever names come in.
 */

let service: TestProfiler
let answering: Awaited<ReturnType<typeof estimatorFixture>>
let gateway: GatewayFixture
const clients: Record<'profiler' | 'estimator', Client> = {} as never

beforeAll(async () => {
  service = await testProfiler({ store: 'memory' })
  answering = await estimatorFixture({ profiler: service.address })
  gateway = await gatewayFixture({ profiler: service.address, estimator: answering.address })
  clients.profiler = new Client(service.address, credentials.createInsecure())
  clients.estimator = new Client(answering.address, credentials.createInsecure())
})
afterAll(async () => {
  for (const client of Object.values(clients)) client.close()
  await gateway.stop()
  await answering.close()
  await service.stop()
})

/** What was written as § is a byte that no text has. */
function spoiled(message: Uint8Array): Buffer {
  const text = Buffer.from(message).toString('latin1')
  return Buffer.from(text.replaceAll('\xc2\xa7', '\xff\xfe'), 'latin1')
}

const asItIs = (bytes: Buffer) => bytes

function send(of: 'profiler' | 'estimator', path: string, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    clients[of].makeUnaryRequest(`/foresize.v1.${path}`, asItIs, asItIs, request, (error, answer) =>
      error ? reject(error) : resolve(answer as Buffer),
    )
  })
}

const record = (task: string, more: object = {}) => wireRecord(`${task} 1`, { task: { task }, ...more })

test.each([
  ['small', 0],
  ['large', 500],
])('of a %s report the records with such names are refused, the others taken', async (size, more) => {
  const executions = [
    record(`${size} good`),
    record('§'),
    record(`${size} labelled`, { labels: { '§': 'a' } }),
    record(`${size} valued`, { labels: { a: '§' } }),
    record(`${size} featured`, { features: { '§': 1 } }),
    ...Array.from({ length: more }, (_, i) => record(`${size} ${i}`, { labels: { long: 'x'.repeat(200) } })),
  ]
  const request = spoiled(profiler.UpdateProfileRequest.encode({ executions }).finish())
  const answer = profiler.UpdateProfileResponse.decode(
    await send('profiler', 'ProfilerService/UpdateProfile', request),
  )
  expect(answer.folded).toBe(1 + more)
  expect(answer.rejections.map(({ violations }) => violations[0]?.field)).toEqual([
    'executions[1].execution_id',
    'executions[2].labels[\\ud800\\ud800]',
    'executions[3].labels[a]',
    'executions[4].features[\\ud800\\ud800]',
  ])
})

test('of a batch of a stream the events with such names are refused, the others taken', async () => {
  const call = clients.profiler.makeBidiStreamRequest(
    '/foresize.v1.ProfilerService/StreamUsage',
    asItIs,
    asItIs,
  )
  const refused: (string | undefined)[] = []
  const stored = new Promise<void>((resolve, reject) => {
    call.on('error', reject)
    call.on('data', (bytes: Buffer) => {
      const { message } = profiler.StreamUsageResponse.decode(bytes)
      if (message?.$case === 'rejection') refused.push(message.value.violations[0]?.field)
      if (message?.$case === 'acknowledgement') resolve()
    })
  })
  const say = (message: profiler.StreamUsageRequest['message']) =>
    call.write(spoiled(profiler.StreamUsageRequest.encode({ message }).finish()))
  say({ $case: 'open', value: { sessionId: 'utf8', client: '' } })
  const starts = ['stream', '§'].map((task) => ({
    ...record('stream', { task: { task } }),
    executionId: `of ${task.length}${task === '§'}`,
    leaseMs: 0,
  }))
  say({ $case: 'batch', value: { sequence: 1, starts, samples: [], ends: [] } })
  await stored
  expect(refused).toEqual(['starts[1].task.task'])
  call.cancel()
})

const task = { namespace: 'default', task: '§' }
test.each([
  [
    'session_id',
    'profiler',
    'ProfilerService/StartProfiling',
    'start.execution_id',
    profiler.StartProfilingRequest.encode({ start: { ...record('a'), executionId: '§', leaseMs: 0 } }),
  ],
  [
    'a key',
    'profiler',
    'ProfilerService/GetProfile',
    'key.task',
    profiler.GetProfileRequest.encode({ key: { ...task, kind: 1 } }),
  ],
  [
    'a prefix',
    'profiler',
    'ProfilerService/ListProfiles',
    'task_prefix',
    profiler.ListProfilesRequest.encode({
      namespace: '',
      taskPrefix: '§',
      pageSize: 0,
      pageToken: '',
      kind: 0,
    }),
  ],
  [
    'a page token',
    'profiler',
    'ProfilerService/ListNamespaces',
    'page_token',
    profiler.ListNamespacesRequest.encode({
      pageSize: 0,
      pageToken: Buffer.from([0xff]).toString('base64url'),
    }),
  ],
  [
    'a query',
    'estimator',
    'EstimatorService/Estimate',
    'query.task.task',
    estimator.EstimateRequest.encode({ query: wireQuery({ task }) }),
  ],
  [
    'a strategy',
    'estimator',
    'EstimatorService/Estimate',
    'query.policy.strategies[0]',
    estimator.EstimateRequest.encode({ query: wireQuery({ policy: { strategies: ['§'] } }) }),
  ],
] as const)('%s of such a text is refused by the %s', async (_, of, path, field, request) => {
  const error = await send(of, path, spoiled(request.finish())).then(
    () => undefined,
    (reason: ServiceError) => reason,
  )
  expect(error?.code).toBe(status.INVALID_ARGUMENT)
  expect(error?.details).toContain(`${field}: must be well-formed Unicode`)
})

test('a watch of such a namespace is refused', async () => {
  const request = profiler.WatchProfilesRequest.encode({ namespaces: ['a', '§'], cursor: '' }).finish()
  const call = clients.profiler.makeServerStreamRequest(
    '/foresize.v1.ProfilerService/WatchProfiles',
    asItIs,
    asItIs,
    spoiled(request),
  )
  call.resume()
  const error = await new Promise<ServiceError>((resolve) => call.on('error', resolve))
  expect(error.details).toBe('namespaces[1]: must be well-formed Unicode')
})

test.each([
  ['bytes', (json: string) => spoiled(Buffer.from(json))],
  ['an escape', (json: string) => Buffer.from(json.replaceAll('§', '\\ud800'))],
])('through the gateway such a name in JSON is refused, written as %s', async (_, written) => {
  const json = JSON.stringify({
    executions: [profiler.UpdateProfileRequest.toJSON({ executions: [record('§')] })],
  })
  const answer = await fetch(`${gateway.origin}/foresize.v1.ProfilerService/UpdateProfile`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: written(json),
  })
  expect(answer.status).toBe(400)
  expect(await answer.json()).toMatchObject({
    code: 'invalid_argument',
    message: expect.stringMatching(/^executions\[0\].*: must be well-formed Unicode$/) as string,
  })
})

test.each([
  [
    'such a name',
    'executions.execution_id: must be well-formed Unicode',
    () => spoiled(profiler.UpdateProfileRequest.encode({ executions: [record('§')] }).finish()),
  ],
  ['what cannot be decoded', 'executions: is not well formed', () => Buffer.from([0x0a, 9, 1])],
])('through the gateway %s in protobuf is refused', async (_, message, body) => {
  const answer = await fetch(`${gateway.origin}/foresize.v1.ProfilerService/UpdateProfile`, {
    method: 'POST',
    headers: { 'content-type': 'application/proto' },
    body: body(),
  })
  expect(answer.status).toBe(400)
  expect(await answer.json()).toMatchObject({ code: 'invalid_argument', message })
})

test.each(['protobuf', 'JSON'] as const)(
  'a file of %s has such a profile refused, the others imported',
  async (form) => {
    await unary(service.client, 'updateProfile', { executions: [record('exported')] })
    const { profile } = await unary(service.client, 'getProfile', {
      key: { namespace: '', kind: 1, task: 'exported' },
    })
    if (profile === undefined) throw new Error('there is a profile')
    const named = (name: string): Profile => ({
      ...profile,
      key: { namespace: form, kind: 1, task: name },
      executions: [],
    })
    const lines = [named('first'), named('§'), named('last')].map((one) =>
      form === 'JSON'
        ? Buffer.from(`${JSON.stringify(Profile.toJSON(one))}\n`)
        : Profile.encode(one).finish(),
    )
    const data = lines.map((line) => spoiled(form === 'JSON' ? line : delimited(line)))
    const answer = await new Promise<profiler.ImportProfilesResponse>((resolve, reject) => {
      const call = service.client.importProfiles((error, response) =>
        error ? reject(error) : resolve(response),
      )
      call.write({
        message: { $case: 'header', value: { format: form === 'JSON' ? 2 : 1, mode: 2, dryRun: false } },
      })
      call.end({ message: { $case: 'data', value: Buffer.concat(data) } })
    })
    expect(answer.created).toBe(2)
    expect(answer.rejections).toHaveLength(1)
    expect(JSON.stringify(answer.rejections)).toContain('must be well-formed Unicode')
    expect(JSON.stringify(answer.rejections)).toContain('key.task')
  },
)

/** Of fewer than 16,384 bytes. */
const delimited = (message: Uint8Array) =>
  Buffer.concat([Buffer.from([(message.length & 0x7f) | 0x80, message.length >> 7]), message])
