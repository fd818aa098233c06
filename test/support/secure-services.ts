import { createHash } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'
import { Writable } from 'node:stream'
import { status } from '@grpc/grpc-js'
import pino from 'pino'
import {
  type ClientSettings,
  channelCredentials,
  clientOptionsFor,
  statusOf,
} from '../../shared/rpc/client.ts'
import type { Role } from '../../shared/rpc/principal.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { ProfilerServiceClient } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'

export interface TokenEntry {
  readonly token: string
  readonly name: string
  readonly roles: readonly Role[]
  readonly namespaces: readonly string[]
  readonly expiresAt?: string
}

export function sha256Of(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

/** As an operator would: whole file, put in place at once. */
export async function writeTokens(file: string, entries: readonly TokenEntry[]): Promise<void> {
  const tokens = entries.map(({ token, ...entry }) => ({ ...entry, sha256: sha256Of(token) }))
  await writeFile(`${file}.new`, JSON.stringify({ tokens }))
  await rename(`${file}.new`, file)
}

export function secureClient(settings: ClientSettings): ProfilerServiceClient {
  return new ProfilerServiceClient(
    settings.target,
    channelCredentials(settings),
    // A refused connection is answered at once instead of tried again.
    { ...clientOptionsFor(settings), 'grpc.initial_reconnect_backoff_ms': 20 },
  )
}

/** The status that a call ends with; OK where it succeeds. */
export async function outcomeOf(call: Promise<unknown>): Promise<status> {
  try {
    await call
    return status.OK
  } catch (error) {
    const code = statusOf(error)
    if (code === undefined) throw error
    return code
  }
}

/** A log that keeps everything it is given. */
export function memoryLog(): { readonly log: Log; text(): string } {
  const lines: string[] = []
  const sink = new Writable({
    write(chunk, _, done) {
      lines.push(String(chunk))
      done()
    },
  })
  return { log: pino({ level: 'trace' }, sink), text: () => lines.join('') }
}
