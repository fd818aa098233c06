import { credentials, status, type UntypedServiceImplementation } from '@grpc/grpc-js'
import { handlers } from '../../shared/rpc/handlers.ts'
import { type RpcServer, startRpcServer } from '../../shared/rpc/server.ts'
import { heldBytes } from '../../shared/runtime/held-bytes.ts'
import { createLog } from '../../shared/runtime/log.ts'
import {
  ProfilerServiceClient,
  ProfilerServiceService,
} from '../../shared/wire/gen/foresize/v1/profiler_service.ts'

export const quietLog = createLog('test', 'silent')
export const quietHandlers = handlers(quietLog)

/** A real server on a free port that has only the methods given, and a client of it. For tests of shared/rpc. */
export async function rpcFixture(
  implementation: UntypedServiceImplementation,
  options: { readonly maxMessageBytes?: number } = {},
): Promise<{ readonly server: RpcServer; readonly client: ProfilerServiceClient; close(): Promise<void> }> {
  const missing = quietHandlers.unary(() => {
    throw Object.assign(new Error('not in this test'), { code: status.UNIMPLEMENTED })
  })
  const methods = Object.keys(ProfilerServiceService)
  const server = await startRpcServer({
    listen: '127.0.0.1:0',
    serviceName: 'foresize.v1.ProfilerService',
    definition: ProfilerServiceService,
    implementation: { ...Object.fromEntries(methods.map((name) => [name, missing])), ...implementation },
    maxMessageBytes: options.maxMessageBytes ?? 4 * 1024 * 1024,
    maxConcurrentStreams: 100,
    held: heldBytes({ maxHeldBytes: 2 ** 28, maxHeldShare: 1 }),
    log: quietLog,
  })
  server.setServing(true)
  const client = new ProfilerServiceClient(server.address, credentials.createInsecure())
  return {
    server,
    client,
    async close() {
      client.close()
      await server.drain(0)
    },
  }
}
