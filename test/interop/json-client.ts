import { type DescMethod, fromBinary, fromJson, type JsonValue, toBinary, toJson } from '@bufbuild/protobuf'
import { Client, credentials, type ServiceError } from '@grpc/grpc-js'
import { registryOf } from './described.ts'

/** A message as proto3 JSON, by the names of the .proto. */
// biome-ignore lint/suspicious/noExplicitAny: a client without generated code knows no types
export type Json = Readonly<Record<string, any>>

/** Sends JSON as grpcurl does: knows only what the server says of itself. */
export interface JsonClient {
  call(method: string, request: Json): Promise<Json>
  stream(method: string): JsonStream
  close(): void
}

export interface JsonStream {
  send(message: Json): void
  /** The next message that has `field` set; those before it are dropped. Rejects where the stream fails. */
  next(field: string): Promise<Json>
  end(): void
}

export async function jsonClient(address: string, service: string): Promise<JsonClient> {
  const registry = await registryOf(address, service)
  const client = new Client(address, credentials.createInsecure())
  const typed = (name: string) => {
    const method = registry.getService(service)?.methods.find((each) => each.name === name)
    if (method === undefined) throw new Error(`${service} has no method ${name}`)
    return [`/${service}/${name}`, encode(method), decode(method)] as const
  }
  return {
    call: (name, request) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          ...typed(name),
          request,
          { deadline: Date.now() + 20_000 },
          (error: ServiceError | null, answer?: Json) =>
            error === null ? resolve(answer ?? {}) : reject(error),
        )
      }),
    stream(name) {
      const stream = client.makeBidiStreamRequest(...typed(name), {})
      const answers = stream[Symbol.asyncIterator]() as AsyncIterator<Json>
      return {
        send: (message) => void stream.write(message),
        end: () => void stream.end(),
        async next(field) {
          for (;;) {
            const { value, done } = await answers.next()
            if (done === true) throw new Error(`the stream ended without ${field}`)
            if (value[field] !== undefined) return value[field]
          }
        },
      }
    },
    close: () => client.close(),
  }
}

const encode = (method: DescMethod) => (message: Json) =>
  Buffer.from(toBinary(method.input, fromJson(method.input, message as JsonValue)))

const decode = (method: DescMethod) => (bytes: Buffer) =>
  toJson(method.output, fromBinary(method.output, bytes), {
    useProtoFieldName: true,
    alwaysEmitImplicit: true,
  }) as Json
