import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { type AddressInfo, createServer, isIP, type Server, type Socket } from 'node:net'
import { ForesizeError } from '../domain/errors.ts'
import type { Log } from '../runtime/log.ts'

export interface ListenerOptions {
  /** `host:port`; port 0 picks a free one. */
  readonly listen: string
  /** Connections at once. */
  readonly maxConnections: number
  /** Connections at once from one address. */
  readonly maxConnectionsPerPeer: number
  /** Makes the server that takes the connections of one address; one of plain TCP where unset. */
  readonly createServer?: (() => Server) | undefined
  readonly log: Log
}

export interface Listener {
  /** `host:port`, with the port that was picked. */
  readonly address: string
  /** Connections at once, now. */
  connections(): number
  /** Connections turned away so far. */
  turnedAway(): number
  /** Takes no further connection and ends those that never spoke. Resolves once the others have ended by themselves. */
  close(): Promise<void>
}

/**
 * Takes connections within limits that neither grpc-js nor Node's HTTP has, and hands them on.
 * Throws: ForesizeError `unavailable` where the address cannot be bound.
 */
export async function startListener(
  options: ListenerOptions,
  onConnection: (socket: Socket) => void = () => {},
): Promise<Listener> {
  const { listen, maxConnections, maxConnectionsPerPeer, log } = options
  const make = options.createServer ?? (() => createServer({ noDelay: true }))
  const { host, port } = splitAddress(listen)
  const byPeer = new Map<string, number>()
  const sockets = new Set<Socket>()
  let turnedAway = 0

  function take(socket: Socket): void {
    // A connection that breaks before it is a session is nobody's error.
    socket.on('error', () => {})
    const peer = socket.remoteAddress ?? ''
    const ofPeer = byPeer.get(peer) ?? 0
    if (sockets.size >= maxConnections || ofPeer >= maxConnectionsPerPeer) {
      if (turnedAway++ % 1000 === 0)
        log.warn({ peer, connections: sockets.size, ofPeer }, 'a connection was turned away')
      socket.destroy()
      return
    }
    sockets.add(socket)
    byPeer.set(peer, ofPeer + 1)
    socket.once('close', () => {
      sockets.delete(socket)
      const left = (byPeer.get(peer) ?? 1) - 1
      if (left === 0) byPeer.delete(peer)
      else byPeer.set(peer, left)
    })
    onConnection(socket)
  }

  const servers: Server[] = []
  const close = async () => {
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }
  let picked = port
  try {
    for (const address of await addressesOf(host)) {
      // Before the server's own listener, which then meets a socket that was destroyed where there was no room.
      const server = make().prependListener('connection', take)
      servers.push(server)
      server.listen(picked, address)
      await once(server, 'listening')
      picked = (server.address() as AddressInfo).port
    }
  } catch (error) {
    await close()
    const reason = error instanceof Error ? error.message : String(error)
    throw new ForesizeError('unavailable', `cannot listen on ${listen}: ${reason}`)
  }
  return {
    address: `${listen.slice(0, listen.lastIndexOf(':'))}:${picked}`,
    connections: () => sockets.size,
    turnedAway: () => turnedAway,
    close,
  }
}

/** Only this host can reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

/** Of `127.0.0.1:7070`, `[::1]:7070`, `localhost:0`. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) }
}

async function addressesOf(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host]
  const found = await lookup(host, { all: true })
  return [...new Set(found.map(({ address }) => address))]
}
