import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Log } from '../runtime/log.ts'
import { followServerTls, type ServerTls } from './certificates.ts'
import { type Listener, startListener } from './listener.ts'

export interface HttpServerOptions {
  readonly listen: string
  /** Plain text where unset. */
  readonly tls: ServerTls | undefined
  readonly securityReloadMs: number
  readonly maxHeaderBytes: number
  readonly headerTimeoutMs: number
  readonly receiveTimeoutMs: number
  readonly keepAliveMs: number
  readonly maxConnections: number
  readonly maxConnectionsPerPeer: number
  readonly log: Log
}

export interface HttpServer extends Pick<Listener, 'address' | 'connections' | 'turnedAway'> {
  /** No new connections; resolves once the calls under way have ended, which are cut after `deadlineMs`. */
  drain(deadlineMs: number): Promise<void>
}

/** Requests of one connection that wait for their answers: clients of today send none before the last was answered. */
const maxUnansweredPerConnection = 8

/**
 * HTTP/1.1 within limits of connections, headers and time, over TLS that follows its files where it is given. A connection
 * that sends requests without an end and waits for no answer is cut.
 */
export async function startHttpServer(
  options: HttpServerOptions,
  onRequest: RequestListener,
): Promise<HttpServer> {
  const { tls, log } = options
  const servers: Server[] = []
  const unfollow: (() => void)[] = []
  const unanswered = new Set<ServerResponse>()
  const unansweredOf = new WeakMap<Socket, number>()
  let isDraining = false

  /** A connection that is kept would hold the drain up. */
  function endConnectionWith(response: ServerResponse): void {
    if (!response.headersSent) response.setHeader('connection', 'close')
  }

  function closeIdle(): void {
    for (const server of servers) server.closeIdleConnections()
  }

  const answer: RequestListener = (request, response) => {
    const { socket } = request
    const waiting = (unansweredOf.get(socket) ?? 0) + 1
    if (waiting > maxUnansweredPerConnection) {
      socket.destroy()
      return
    }
    unansweredOf.set(socket, waiting)
    unanswered.add(response)
    response.once('close', () => {
      unanswered.delete(response)
      unansweredOf.set(socket, (unansweredOf.get(socket) ?? 1) - 1)
      // Its answer had begun before, and said that the connection is kept.
      if (isDraining) setImmediate(closeIdle)
    })
    if (isDraining) endConnectionWith(response)
    onRequest(request, response)
  }

  function make(): Server {
    const settings: ServerOptions = {
      maxHeaderSize: options.maxHeaderBytes,
      headersTimeout: options.headerTimeoutMs,
      requestTimeout: options.receiveTimeoutMs,
      connectionsCheckingInterval: Math.min(1000, options.headerTimeoutMs),
      keepAliveTimeout: options.keepAliveMs,
      // So that a caller whose host is gone is noticed while nothing is sent.
      keepAlive: true,
      keepAliveInitialDelay: 20_000,
      noDelay: true,
    }
    const server = tls === undefined ? createServer(settings, answer) : tlsServer(settings, tls)
    // A request that cannot be read is answered by Node, with 400, 408 or 431.
    servers.push(server)
    return server
  }

  function tlsServer(settings: ServerOptions, files: ServerTls): TlsServer {
    const isMutual = files.clientCaFile !== undefined
    const server = createTlsServer(
      {
        ...settings,
        handshakeTimeout: options.headerTimeoutMs,
        requestCert: isMutual,
        rejectUnauthorized: isMutual,
      },
      answer,
    )
    const reload = { reloadMs: options.securityReloadMs, log }
    unfollow.push(followServerTls(files, reload, (context) => server.setSecureContext(context)))
    return server
  }

  const listener = await startListener({ ...options, createServer: make })

  return {
    address: listener.address,
    connections: listener.connections,
    turnedAway: listener.turnedAway,
    async drain(deadlineMs) {
      isDraining = true
      for (const response of unanswered) endConnectionWith(response)
      const timer = setTimeout(() => {
        log.warn({ deadlineMs }, 'calls were cut at the drain deadline')
        for (const server of servers) server.closeAllConnections()
      }, deadlineMs)
      await listener.close()
      clearTimeout(timer)
      for (const stop of unfollow) stop()
    },
  }
}

/** The address that a request comes from, without its port. */
export function hostOf({ socket }: IncomingMessage): string {
  return socket.remoteAddress ?? 'unknown'
}
