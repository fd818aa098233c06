import type { DescMethod, DescService, Message } from '@bufbuild/protobuf'
import { Code, ConnectError, type ConnectRouter, type MethodImpl } from '@connectrpc/connect'
import { servingStatus } from './upstream-health.ts'

const notServingStatus = 2

/**
 * Standard health, one question at a time: of the gateway under the empty name, of a service under its own.
 * @param isServing undefined for a name that is not known here.
 */
export function addHealth(
  router: ConnectRouter,
  health: DescService,
  isServing: (service: string) => boolean | undefined,
): void {
  const check = (request: Message) => {
    const service = 'service' in request ? String(request.service) : ''
    const is = isServing(service)
    if (is === undefined) throw new ConnectError(`the service ${service} is not known here`, Code.NotFound)
    return { status: is ? servingStatus : notServingStatus }
  }
  for (const method of health.methods) {
    if (method.name === 'Check') router.rpc(method, check as unknown as MethodImpl<DescMethod>)
  }
}
