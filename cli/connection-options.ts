import type { CommandOption } from './command.ts'
import { defaultAddresses, type ServiceName } from './defaults.ts'

/** Options of every command that calls a service and prints what it answers. */
export function connectionOptions(
  ...services: readonly ServiceName[]
): Readonly<Record<string, CommandOption>> {
  return {
    ...serviceOptions(...services),
    within: { type: 'string', value: 'TIME', description: 'longest wait for an answer (default 5s)' },
    json: { type: 'boolean', description: 'print JSON' },
  }
}

/** Options that say where services are, whose data is meant, and how to be let in. */
export function serviceOptions(...services: readonly ServiceName[]): Readonly<Record<string, CommandOption>> {
  return {
    ...Object.fromEntries(services.map((service) => [service, addressOption(service)])),
    namespace: { type: 'string', value: 'NAME', description: 'tenant (default "default")' },
    ca: { type: 'string', value: 'FILE', description: 'trust this PEM certificate, and use TLS' },
    cert: { type: 'string', value: 'FILE', description: 'client certificate, PEM' },
    key: { type: 'string', value: 'FILE', description: "the certificate's key, PEM" },
    'token-file': {
      type: 'string',
      value: 'FILE',
      description: 'holds the bearer token (default $FORESIZE_TOKEN_FILE, else $FORESIZE_TOKEN)',
    },
  }
}

function addressOption(service: ServiceName): CommandOption {
  const environment = `FORESIZE_${service.toUpperCase()}`
  const description = `where the ${service} is (default $${environment}, else ${defaultAddresses[service]})`
  return { type: 'string', value: 'ADDRESS', description }
}
