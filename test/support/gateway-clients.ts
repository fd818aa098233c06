import type { DescService, JsonObject } from '@bufbuild/protobuf'
import { type CallOptions, createClient, type Transport } from '@connectrpc/connect'
import { contractRegistry } from '../../shared/rpc/contract.ts'

const registry = contractRegistry()

/** A client without generated code. */
// biome-ignore lint/suspicious/noExplicitAny: messages are as the descriptors say
type AnyMessage = any
type Method = (request: JsonObject | AsyncIterable<JsonObject>, options?: CallOptions) => AnyMessage

type AnyClient = Readonly<
  Record<
    'estimate' | 'getProfile' | 'deleteProfile' | 'watchProfiles' | 'exportProfiles' | 'importProfiles',
    Method
  >
>

/** Of `ProfilerService` or `EstimatorService`, by any of Connect's transports. */
export function clientOf(service: string, transport: Transport): AnyClient {
  const described = registry.getService(`foresize.v1.${service}`) as DescService
  return createClient(described, transport) as unknown as AnyClient
}
