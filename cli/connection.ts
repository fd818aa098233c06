import { status } from '@grpc/grpc-js'
import {
  type ClientSettings,
  channelCredentials,
  clientOptionsFor,
  clientSecurityOf,
  statusOf,
} from '../shared/rpc/client.ts'
import { EstimatorServiceClient } from '../shared/wire/gen/foresize/v1/estimator_service.ts'
import { ProfilerServiceClient } from '../shared/wire/gen/foresize/v1/profiler_service.ts'
import { inWords } from './cause.ts'
import { type CommandInput, text, UsageError } from './command.ts'
import { defaultAddresses, type ServiceName } from './defaults.ts'
import { readDuration } from './options.ts'

export function addressOf(input: CommandInput, service: ServiceName): string {
  return text(input, service) ?? input.env[`FORESIZE_${service.toUpperCase()}`] ?? defaultAddresses[service]
}

export function settingsOf(input: CommandInput, service: ServiceName): ClientSettings {
  const caFile = text(input, 'ca')
  const certFile = text(input, 'cert')
  const keyFile = text(input, 'key')
  if (caFile === undefined && (certFile ?? keyFile) !== undefined)
    throw new UsageError('--cert and --key need --ca')
  const tokenFile = text(input, 'token-file')
  return {
    target: addressOf(input, service),
    ...clientSecurityOf(input.env),
    ...(caFile === undefined ? {} : { tls: { caFile, certFile, keyFile } }),
    ...(tokenFile === undefined ? {} : { tokenFile }),
  }
}

export function deadlineOf(input: CommandInput): number {
  return readDuration(input, 'within', { example: '2s', exclusive: true }) ?? 5000
}

/** An answer gets so long at least, however late the program came up. */
const leastWaitMs = 250

/** What is left of `--within`, counted from the call of the command: a script waits for its start too. */
export function remainingOf(input: CommandInput): number {
  return Math.max(leastWaitMs, deadlineOf(input) - (performance.now() - input.startedMs))
}

export function estimatorOf(input: CommandInput): EstimatorServiceClient {
  const settings = settingsOf(input, 'estimator')
  return new EstimatorServiceClient(settings.target, channelCredentials(settings), clientOptionsFor(settings))
}

export function profilerOf(input: CommandInput): ProfilerServiceClient {
  const settings = settingsOf(input, 'profiler')
  return new ProfilerServiceClient(settings.target, channelCredentials(settings), clientOptionsFor(settings))
}

/** What to tell a person about a call that failed. */
export function explain(error: unknown, service: string, address: string): string {
  const details = inWords(
    error instanceof Error && 'details' in error ? String(error.details) : String(error),
  )
  switch (statusOf(error)) {
    case status.UNAVAILABLE:
      return `cannot reach the ${service} at ${address} (${details})\nStart both services with "foresize up", or name another address with --${service}.`
    case status.DEADLINE_EXCEEDED:
      return `the ${service} at ${address} did not answer in time; wait longer with --within`
    case status.INVALID_ARGUMENT:
      return `refused: ${details}`
    case status.UNAUTHENTICATED:
    case status.PERMISSION_DENIED:
      return `the ${service} at ${address} does not let us in: ${details}`
    default:
      return details
  }
}

/** A call that failed, said for a person. */
export class CallError extends Error {
  readonly status: status | undefined

  constructor(error: unknown, service: ServiceName, address: string) {
    super(explain(error, service, address), { cause: error })
    this.name = 'CallError'
    this.status = statusOf(error)
  }
}

/** Runs calls and says of their failure what a person can do about it. Throws: CallError. */
export async function calling<T>(
  input: CommandInput,
  service: ServiceName,
  calls: () => Promise<T>,
): Promise<T> {
  try {
    return await calls()
  } catch (error) {
    if (statusOf(error) === undefined) throw error
    throw new CallError(error, service, addressOf(input, service))
  }
}
