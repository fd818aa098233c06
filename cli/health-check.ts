import {
  type CallOptions,
  credentials,
  type Metadata,
  makeGenericClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js'
import { service } from 'grpc-health-check'
import { call, clientOptions } from '../shared/rpc/client.ts'

interface HealthClient {
  check(
    request: { readonly service: string },
    metadata: Metadata,
    options: Partial<CallOptions>,
    callback: (error: ServiceError | null, response: { readonly status: string }) => void,
  ): unknown
  close(): void
}

/** Whether a server on this host says SERVING, by the standard health protocol. Never rejects. */
export async function isServing(address: string, withinMs: number): Promise<boolean> {
  const Client = makeGenericClientConstructor(service, 'Health')
  // A connection of its own: one that all shared would be tried again only after ever longer pauses.
  const options = { ...clientOptions, 'grpc.use_local_subchannel_pool': 1 }
  const client = new Client(address, credentials.createInsecure(), options) as unknown as HealthClient
  try {
    const { status } = await call(client.check.bind(client), { service: '' }, withinMs)
    return status === 'SERVING'
  } catch {
    return false
  } finally {
    client.close()
  }
}

/** Whether the gateway at an address of this host says that it is ready, over plain HTTP. Never rejects. */
export async function isReady(address: string, withinMs: number): Promise<boolean> {
  try {
    const { ok } = await fetch(`http://${address}/healthz`, { signal: AbortSignal.timeout(withinMs) })
    return ok
  } catch {
    return false
  }
}
