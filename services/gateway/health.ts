import { create, type DescMethod, type DescService, fromBinary, toBinary } from '@bufbuild/protobuf'
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect'
import { carrying, implementationOf } from './carried-bytes.ts'
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
  const check =
    ({ input, output }: DescMethod) =>
    async (bytes: Uint8Array) => {
      const request = fromBinary(input, bytes)
      const service = 'service' in request ? String(request.service) : ''
      const is = isServing(service)
      if (is === undefined) throw new ConnectError(`the service ${service} is not known here`, Code.NotFound)
      const answer = { status: is ? servingStatus : notServingStatus }
      return toBinary(output, create(output, answer))
    }
  for (const method of health.methods) {
    if (method.name === 'Check') router.rpc(carrying(method), implementationOf({ unary: check(method) }))
  }
}
