import { once } from 'node:events'
import {
  type ClientDuplexStream,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js'
import type { Options, PackageDefinition } from '@grpc/proto-loader'

/** A message as a stranger sees it: whatever the .proto says, by its own names. */
// biome-ignore lint/suspicious/noExplicitAny: a client without generated code knows no types
export type Message = Readonly<Record<string, any>>

/** How the messages read: field names as in the .proto, numbers as numbers, words for enums. */
export const readable: Options = {
  keepCase: true,
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
}

/** Calls a service that is known by its description only. */
export interface DynamicClient {
  call(method: string, request: Message): Promise<Message>
  /** Sends these bytes as the request, whatever they are. */
  callRaw(method: string, request: Buffer): Promise<Buffer>
  stream(method: string, request?: Message): DynamicStream
  close(): void
}

export interface DynamicStream {
  send(message: Message): void
  /** The next message that has `field` set; those before it are dropped. Rejects with the status where the stream fails. */
  next(field: string): Promise<Message>
  /** The status of the stream, once it has failed. */
  readonly failed: Promise<ServiceError>
  /** Says that nothing more is sent. */
  end(): void
  cancel(): void
}

export function dynamicClient(
  definition: PackageDefinition,
  service: string,
  address: string,
): DynamicClient {
  const Client = service
    .split('.')
    .reduce<GrpcObject | ServiceClientConstructor>(
      (found, name) => (found as GrpcObject)[name] as GrpcObject,
      loadPackageDefinition(definition),
    ) as ServiceClientConstructor
  const client = new Client(address, credentials.createInsecure())
  const method = (name: string) => {
    const found = client[name]
    if (found === undefined) throw new Error(`${service} has no method ${name}`)
    return found.bind(client) as (...args: unknown[]) => unknown
  }
  return {
    call: (name, request) =>
      new Promise((resolve, reject) => {
        method(name)(
          request,
          { deadline: Date.now() + 20_000 },
          (error: ServiceError | null, answer: Message) => (error === null ? resolve(answer) : reject(error)),
        )
      }),
    callRaw: (name, request) =>
      new Promise((resolve, reject) => {
        const asIs = (bytes: Buffer) => bytes
        const deadline = Date.now() + 20_000
        client.makeUnaryRequest(`/${service}/${name}`, asIs, asIs, request, { deadline }, (error, answer) =>
          error === null && answer !== undefined ? resolve(answer) : reject(error),
        )
      }),
    stream: (name, request) =>
      dynamicStream(method(name)(...(request === undefined ? [] : [request])) as Duplex),
    close: () => client.close(),
  }
}

type Duplex = ClientDuplexStream<Message, Message>

function dynamicStream(stream: Duplex): DynamicStream {
  const arrived: Message[] = []
  const failed = once(stream, 'error').then(([error]) => error as ServiceError)
  let heard = Promise.withResolvers<void>()
  stream.on('data', (message: Message) => {
    arrived.push(message)
    heard.resolve()
    heard = Promise.withResolvers()
  })
  return {
    failed,
    send: (message) => void stream.write(message),
    async next(field) {
      for (;;) {
        const message = arrived.shift()
        if (message === undefined) {
          const error = await Promise.race([heard.promise, failed])
          if (error !== undefined && arrived.length === 0) throw error
        } else if (message[field] !== undefined && message[field] !== null) return message[field] as Message
      }
    },
    end: () => void stream.end(),
    cancel: () => stream.cancel(),
  }
}
