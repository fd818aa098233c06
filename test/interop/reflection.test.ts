import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { create, createFileRegistry, fromBinary } from '@bufbuild/protobuf'
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt'
import { loadFileDescriptorSetFromBuffer, loadSync, type PackageDefinition } from '@grpc/proto-loader'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ServicePair, servicePair } from '../support/service-pair.ts'
import { dynamicClient, type Message, readable } from './dynamic-client.ts'

/** The standard reflection protocol, from the package that implements it: nothing of foresize's is read from disk. */
const reflectionProto = join(
  dirname(fileURLToPath(import.meta.resolve('@grpc/reflection'))),
  '../proto/grpc/reflection/v1/reflection.proto',
)

let pair: ServicePair
beforeAll(async () => {
  pair = await servicePair()
})
afterAll(() => pair.stop())

async function ask(address: string, request: Message, answer: string): Promise<Message> {
  const client = dynamicClient(
    loadSync(reflectionProto, readable),
    'grpc.reflection.v1.ServerReflection',
    address,
  )
  const stream = client.stream('ServerReflectionInfo')
  stream.send(request)
  const response = await stream.next(answer)
  stream.end()
  client.close()
  return response
}

/** What the server says of itself, as a set of file descriptors. */
async function described(address: string, service: string): Promise<PackageDefinition> {
  const request = { file_containing_symbol: service }
  const { file_descriptor_proto: files } = await ask(address, request, 'file_descriptor_response')
  return loadFileDescriptorSetFromBuffer(fileDescriptorSet(files), readable)
}

/** FileDescriptorSet: each file as field 1, after its length as a varint. */
function fileDescriptorSet(files: readonly Buffer[]): Buffer {
  return Buffer.concat(
    files.flatMap((file) => {
      const length: number[] = []
      for (let rest = file.length; ; rest >>>= 7) {
        if (rest < 128) {
          length.push(rest)
          break
        }
        length.push((rest & 127) | 128)
      }
      return [Buffer.from([0x0a, ...length]), file]
    }),
  )
}

function dependenciesFirst(files: ReadonlyMap<string, FileDescriptorProto>): FileDescriptorProto[] {
  const placed = new Set<FileDescriptorProto>()
  const place = (name: string) => {
    const file = files.get(name)
    if (file === undefined) throw new Error(`${name} did not come`)
    for (const dependency of file.dependency) place(dependency)
    placed.add(file)
  }
  for (const name of files.keys()) place(name)
  return [...placed]
}

test('both services list themselves and health', async () => {
  for (const [address, name] of [
    [pair.profiler.address, 'foresize.v1.ProfilerService'],
    [pair.estimator.address, 'foresize.v1.EstimatorService'],
  ] as const) {
    const { service } = await ask(address, { list_services: '' }, 'list_services_response')
    const names = service.map((each: Message) => each['name'])
    expect(names).toEqual(expect.arrayContaining([name, 'grpc.health.v1.Health']))
  }
})

test('a client that knows nothing but the addresses reports an execution and gets an estimate', async () => {
  const profiler = dynamicClient(
    await described(pair.profiler.address, 'foresize.v1.ProfilerService'),
    'foresize.v1.ProfilerService',
    pair.profiler.address,
  )
  const estimator = dynamicClient(
    await described(pair.estimator.address, 'foresize.v1.EstimatorService'),
    'foresize.v1.EstimatorService',
    pair.estimator.address,
  )
  const task = { namespace: 'stranger', task: 'thumbnail' }
  const executions = Array.from({ length: 5 }, (_, i) => ({
    execution_id: `thumbnail-${i}`,
    task,
    used: { memory_bytes: 3e8 + i * 1e6, duration_ms: 100 },
    outcome: 'OUTCOME_SUCCEEDED',
  }))
  expect((await profiler.call('UpdateProfile', { executions }))['folded']).toBe(5)

  let estimate: Message = {}
  while (estimate['executions'] !== 5) {
    estimate = (await estimator.call('Estimate', { query: { task } }))['estimate']
  }
  expect(estimate['source']).toBe('ESTIMATE_SOURCE_PROFILE')
  expect(estimate['resources'].memory_bytes).toBeGreaterThanOrEqual(3e8)
  profiler.close()
  estimator.close()
})

test('strict clients can read it: map entries and optional fields are described as protoc does', async () => {
  const request = { file_containing_symbol: 'foresize.v1.EstimatorService.Estimate' }
  const answer = await ask(pair.estimator.address, request, 'file_descriptor_response')
  const described: readonly Buffer[] = answer['file_descriptor_proto']
  const files = new Map<string, FileDescriptorProto>(
    described
      .map((bytes: Buffer) => fromBinary(FileDescriptorProtoSchema, bytes))
      .map((file: FileDescriptorProto) => [file.name, file]),
  )
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: dependenciesFirst(files) }))
  const query = registry.getMessage('foresize.v1.EstimateQuery')
  expect(query?.proto.nestedType.map(({ name }) => name)).toEqual(['FeaturesEntry', 'LabelsEntry'])
  expect(query?.fields.find(({ name }) => name === 'features')?.fieldKind).toBe('map')
  const memory = registry
    .getMessage('foresize.v1.Resources')
    ?.fields.find(({ name }) => name === 'memory_bytes')
  expect(memory?.proto.proto3Optional).toBe(true)
  expect(memory?.oneof).toBeUndefined()
})

test.each([
  [{ file_containing_symbol: 'foresize.v1.NoSuch' }, 5],
  [{ file_by_filename: 'no/such.proto' }, 5],
])('what is not known is said: %j', async (request, code) => {
  const error = await ask(pair.profiler.address, request, 'error_response')
  expect(error['error_code']).toBe(code)
})

test('what the services say of themselves is the contract, every RPC of it', async () => {
  const folder = fileURLToPath(new URL('../../proto/foresize/v1', import.meta.url))
  const files = readdirSync(folder).filter((name) => name.endsWith('_service.proto'))
  const local = loadSync(
    files.map((name) => `foresize/v1/${name}`),
    { ...readable, includeDirs: [join(folder, '../..')] },
  )
  for (const [name, address] of [
    ['foresize.v1.ProfilerService', pair.profiler.address],
    ['foresize.v1.EstimatorService', pair.estimator.address],
  ] as const) {
    const remote = await described(address, name)
    expect(Object.keys(remote[name] ?? {})).toEqual(Object.keys(local[name] ?? {}))
  }
})
