import type { ServiceDefinition } from '@grpc/grpc-js'
import { ForesizeError } from '../domain/errors.ts'
import { messageBounds } from '../wire/message-bounds.ts'
import { contractRegistry } from './contract.ts'

/** A request from its bytes. Throws: ForesizeError `invalid` where they are no such request, or one beyond its bounds. */
export type RequestReader = (bytes: Buffer) => unknown

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
      const check = messageBounds(method.input)
      return [
        path,
        (bytes) => {
          check(bytes)
          try {
            return requestDeserialize(bytes)
          } catch (cause) {
            throw new ForesizeError('invalid', `the message cannot be decoded: ${reasonOf(cause)}`)
          }
        },
      ]
    }),
  )
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
