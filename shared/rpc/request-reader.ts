import type { DescMessage } from '@bufbuild/protobuf'
import { BinaryReader } from '@bufbuild/protobuf/wire'
import type { ServiceDefinition } from '@grpc/grpc-js'
import { ForesizeError } from '../domain/errors.ts'
import { inTurns } from '../runtime/turns.ts'
import { messageBounds } from '../wire/message-bounds.ts'
import { mergedSteps, messagePieces, pieceBytes } from '../wire/message-pieces.ts'
import { utf8Text } from '../wire/utf8.ts'
import { contractRegistry } from './contract.ts'

/**
 * A request from its bytes; a large one takes turns.
 * Throws or rejects: ForesizeError `invalid` where they are no such request, or one beyond its bounds.
 */
export type RequestReader = (bytes: Buffer) => object | Promise<object>

/** The readers of a service of the contract, by path. */
export function requestReaders(
  definition: ServiceDefinition,
  serviceName: string,
): ReadonlyMap<string, RequestReader> {
  const methods = contractRegistry().getService(serviceName)?.methods ?? []
  return new Map(
    Object.values(definition).map(({ path, requestDeserialize }) => {
      const method = methods.find(({ name }) => path === `/${serviceName}/${name}`)
      if (method === undefined) throw new Error(`the contract has no ${path}`)
      return [path, requestReader(method.input, requestDeserialize)]
    }),
  )
}

/** @param decode what ts-proto generates, which takes a reader, too. */
export function requestReader(type: DescMessage, decode: (bytes: Buffer) => object): RequestReader {
  const bounds = messageBounds(type)
  const read = (bytes: Uint8Array) => decode(new BinaryReader(bytes, utf8Text) as unknown as Buffer)

  async function readInPieces(bytes: Buffer): Promise<object> {
    const check = bounds()
    const checked = (piece: Uint8Array) => {
      check(piece)
      return read(piece)
    }
    return (await inTurns(mergedSteps(messagePieces(bytes, type), checked))) ?? {}
  }

  return (bytes) => {
    if (bytes.length > pieceBytes) return readInPieces(bytes).catch(refused)
    try {
      // A field takes two bytes at least, a number of a list one: so few hold no more than a message may.
      return read(bytes)
    } catch (error) {
      // Names the field that is not well formed, which a decoder does not.
      bounds()(bytes)
      return refused(error)
    }
  }
}

function refused(error: unknown): never {
  if (error instanceof ForesizeError) throw error
  throw new ForesizeError('invalid', `the message cannot be decoded: ${reasonOf(error)}`)
}

const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/**
 * The service, its requests left as bytes for a reader: what fails in grpc-js itself is INTERNAL, whoever is to blame.
 */
export function withEncodedRequests(definition: ServiceDefinition): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(definition).map(([name, method]) => [
      name,
      { ...method, requestDeserialize: (bytes: Buffer) => bytes },
    ]),
  )
}
