import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type DescFile, type FileRegistry, toBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { type Server, type ServerDuplexStream, type ServiceDefinition, status } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { contractRegistry } from './contract.ts'

/**
 * Standard server reflection, v1 and v1alpha, of the contract.
 * The @grpc/reflection package describes what protobufjs understood of them instead, which strict clients refuse: its map
 * entries have the wrong names and its optional fields are oneofs. Only its copies of the reflection protocol are used.
 */
export function addReflection(server: Server, serviceName: string): void {
  const answer = answers(contractRegistry(), [serviceName, 'grpc.health.v1.Health'])
  for (const version of ['v1', 'v1alpha'] as const) {
    server.addService(reflectionDefinition(version), {
      ServerReflectionInfo(stream: ServerDuplexStream<ReflectionRequest, object>) {
        stream.on('data', (request) => {
          // One answer a question: a client that asks without listening is read no further.
          if (!stream.write(answer(request))) {
            stream.pause()
            stream.once('drain', () => stream.resume())
          }
        })
        stream.on('end', () => stream.end())
      },
    })
  }
}

interface ReflectionRequest {
  readonly message_request?: string
  readonly file_by_filename?: string
  readonly file_containing_symbol?: string
}

function answers(
  registry: FileRegistry,
  services: readonly string[],
): (request: ReflectionRequest) => object {
  const files = new Map([...registry.files].map((file) => [file.proto.name, file]))
  const encoded = new Map<string, Uint8Array>()

  function described(file: DescFile | undefined, what: string): object {
    if (file === undefined) {
      return { error_response: { error_code: status.NOT_FOUND, error_message: `${what} is not known` } }
    }
    return { file_descriptor_response: { file_descriptor_proto: withDependencies(file).map(bytesOf) } }
  }

  function bytesOf(file: DescFile): Uint8Array {
    const known = encoded.get(file.proto.name) ?? toBinary(FileDescriptorProtoSchema, file.proto)
    encoded.set(file.proto.name, known)
    return known
  }

  /** `a.B.c` is in the file of `a.B.c`, or else in that of `a.B`: a field, a value or a method. */
  function fileOf(symbol: string): DescFile | undefined {
    return (registry.get(symbol) ?? registry.get(symbol.slice(0, Math.max(symbol.lastIndexOf('.'), 0))))?.file
  }

  function answer(request: ReflectionRequest): object {
    switch (request.message_request) {
      case 'list_services':
        return { list_services_response: { service: services.map((name) => ({ name })) } }
      case 'file_by_filename':
        return described(files.get(request.file_by_filename ?? ''), `file ${request.file_by_filename}`)
      case 'file_containing_symbol':
        return described(
          fileOf(request.file_containing_symbol ?? ''),
          `symbol ${request.file_containing_symbol}`,
        )
      case 'file_containing_extension':
      case 'all_extension_numbers_of_type':
        return { error_response: { error_code: status.NOT_FOUND, error_message: 'there are no extensions' } }
      default:
        return { error_response: { error_code: status.INVALID_ARGUMENT, error_message: 'nothing was asked' } }
    }
  }

  return (request) => ({ original_request: request, ...answer(request) })
}

/** The file first, then all that it needs. */
function withDependencies(file: DescFile): readonly DescFile[] {
  const found = new Set([file])
  for (const each of found) for (const dependency of each.dependencies) found.add(dependency)
  return [...found]
}

function reflectionDefinition(version: 'v1' | 'v1alpha'): ServiceDefinition {
  const folder = dirname(fileURLToPath(import.meta.resolve('@grpc/reflection')))
  const path = join(folder, '..', 'proto', 'grpc', 'reflection', version, 'reflection.proto')
  const loaded = loadSync(path, {
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  })
  return loaded[`grpc.reflection.${version}.ServerReflection`] as ServiceDefinition
}
