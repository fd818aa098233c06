import { readFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import {
  type CallOptions,
  type ClientUnaryCall,
  Metadata,
  type ServiceError,
  type status,
} from '@grpc/grpc-js'
import type { ClientTls } from '../../shared/rpc/certificates.ts'
import { inspectHeader } from '../../shared/rpc/guard.ts'

/** How a call went, and what the server told of itself. */
export interface Answer<Res> {
  readonly code: status
  readonly details: string
  readonly response: Res | undefined
  /** Trailers named `foresize-…`, without that. */
  readonly info: Readonly<Record<string, string>>
  /** Server time less ours, at the middle of the call; undefined where it was not told. */
  readonly clockOffsetMs: number | undefined
}

type Method<Req, Res> = (
  request: Req,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Res) => void,
) => ClientUnaryCall

/** Never rejects: a call that fails is an answer. */
export function ask<Req, Res>(
  method: Method<Req, Res>,
  request: Req,
  withinMs: number,
): Promise<Answer<Res>> {
  const metadata = new Metadata()
  metadata.set(inspectHeader, '1')
  const sentUnixMs = Date.now()
  return new Promise((resolve) => {
    let response: Res | undefined
    const call = method(request, metadata, { deadline: sentUnixMs + withinMs }, (_, answer) => {
      response = answer
    })
    call.on('status', ({ code, details, metadata: trailers }) => {
      const info: Record<string, string> = {}
      for (const [name, value] of Object.entries(trailers.getMap())) {
        if (name.startsWith('foresize-')) info[name.slice('foresize-'.length)] = String(value)
      }
      const serverUnixMs = Number(info['time-unix-ms'])
      const clockOffsetMs = Number.isFinite(serverUnixMs)
        ? serverUnixMs - (sentUnixMs + Date.now()) / 2
        : undefined
      // The callback of a unary call runs after its status.
      setImmediate(() => resolve({ code, details, response, info, clockOffsetMs }))
    })
  })
}

export interface Place {
  readonly host: string
  readonly port: number
}

/** Of `host:port` and `dns:///host:port`; undefined for what only gRPC can resolve. */
export function placeOf(target: string): Place | undefined {
  const [, host, port] = /^(?:dns:(?:\/\/[^/]*\/)?)?\[?([^/\s]+?)\]?:(\d+)$/.exec(target) ?? []
  return host === undefined || port === undefined ? undefined : { host, port: Number(port) }
}

/** Undefined where a connection can be made, else why not. */
export function reach({ host, port }: Place, withinMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connectTcp({ host, port, timeout: withinMs })
    const finish = (reason: string | undefined) => {
      socket.destroy()
      resolve(reason)
    }
    socket.once('connect', () => finish(undefined))
    socket.once('timeout', () => finish(`no answer within ${withinMs} ms`))
    socket.once('error', (error) => finish(error.message))
  })
}

export type TlsFinding =
  | { readonly isTrusted: true; readonly protocol: string; readonly expiresUnixMs: number }
  | { readonly isTrusted: false; readonly reason: string }

/** Shakes hands as a client would. */
export function shakeHands({ host, port }: Place, tls: ClientTls, withinMs: number): Promise<TlsFinding> {
  return new Promise((resolve) => {
    const read = (file: string | undefined) => (file === undefined ? undefined : readFileSync(file))
    const socket = connectTls({
      ...{ host, port, timeout: withinMs, ALPNProtocols: ['h2'] },
      ...{ ca: read(tls.caFile), cert: read(tls.certFile), key: read(tls.keyFile) },
    })
    const fail = (reason: string) => {
      socket.destroy()
      resolve({ isTrusted: false, reason })
    }
    socket.once('secureConnect', () => {
      const expiresUnixMs = Date.parse(socket.getPeerCertificate().valid_to)
      resolve({ isTrusted: true, protocol: socket.getProtocol() ?? '?', expiresUnixMs })
      socket.destroy()
    })
    socket.once('timeout', () => fail(`no answer within ${withinMs} ms`))
    socket.once('error', (error) => fail(error.message))
  })
}
