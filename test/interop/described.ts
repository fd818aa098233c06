import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { create, createFileRegistry, type FileRegistry, fromBinary } from '@bufbuild/protobuf'
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt'
import { loadFileDescriptorSetFromBuffer, loadSync, type PackageDefinition } from '@grpc/proto-loader'
import { dynamicClient, type Message, readable } from './dynamic-client.ts'

/** The standard reflection protocol, from the package that implements it: nothing of foresize's is read from disk. */
const reflectionProto = join(
  dirname(fileURLToPath(import.meta.resolve('@grpc/reflection'))),
  '../proto/grpc/reflection/v1/reflection.proto',
)

/** One question to a server's reflection; `answer` names the field that the answer has. */
export async function ask(address: string, request: Message, answer: string): Promise<Message> {
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
export async function described(address: string, service: string): Promise<PackageDefinition> {
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

/** The types that a symbol of the server needs, for a client as strict as grpcurl. */
export async function registryOf(address: string, symbol: string): Promise<FileRegistry> {
  const answer = await ask(address, { file_containing_symbol: symbol }, 'file_descriptor_response')
  const bytes: readonly Buffer[] = answer['file_descriptor_proto']
  const files = new Map<string, FileDescriptorProto>(
    bytes
      .map((each: Buffer) => fromBinary(FileDescriptorProtoSchema, each))
      .map((file: FileDescriptorProto) => [file.name, file]),
  )
  return createFileRegistry(create(FileDescriptorSetSchema, { file: dependenciesFirst(files) }))
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
