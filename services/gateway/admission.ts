import { Code, ConnectError, createContextKey } from '@connectrpc/connect'
import { ForesizeError } from '../../shared/domain/errors.ts'
import { createRateLimit } from '../../shared/rpc/rate-limit.ts'
import type { HeldBytes, Holder } from '../../shared/runtime/held-bytes.ts'

export interface AdmissionSettings {
  /** Calls at once. */
  readonly maxConcurrentCalls: number
  /** Of them for one address, 0 to 1. */
  readonly maxHeldShare: number
  /** From one address, a stream counting once; 0 means no limit. */
  readonly maxCallsPerSecondPerPeer: number
}

/** What one call holds here, until it is closed. */
export interface AdmittedCall {
  /** Once. Throws: ConnectError `resource_exhausted` where there is no room for it, `canceled` where it is closed. */
  admit(): void
  /** Bytes of its request, held until it closes as what they may become. Throws: ConnectError `resource_exhausted`. */
  receive(bytes: number): void
  /** Bytes for a while; what it returns gives them back. Throws: ConnectError `resource_exhausted`. */
  hold(bytes: number): () => void
  /** Bytes of its answer, held until `sent` says the same number. */
  sending(bytes: number): void
  sent(bytes: number): void
  close(): void
}

export interface Admission {
  /** @param peer the caller's address, without its port. */
  open(peer: string): AdmittedCall
  /** Calls that are open. */
  calls(): number
  /** Calls turned away so far. */
  refused(): number
}

/** What a call costs beside its bytes, roughly: its request, its handler, their buffers. */
const callBytes = 16 * 1024

/**
 * What a byte of a request may become once it is read: an empty entry of three bytes is an object of some 300. Who sends
 * them has shown no token yet.
 */
const readBytesPerByte = 100

/** Peers whose rate is remembered. */
const maxPeers = 10_000

/** Law: what a call has taken is given back once it is closed, whatever has become of it. */
export function createAdmission(settings: AdmissionSettings, held: HeldBytes): Admission {
  const { maxConcurrentCalls, maxHeldShare, maxCallsPerSecondPerPeer } = settings
  const maxOfPeer = Math.max(1, Math.floor(maxConcurrentCalls * maxHeldShare))
  const rate = createRateLimit(maxCallsPerSecondPerPeer, maxPeers)
  const byPeer = new Map<string, number>()
  let calls = 0
  let refused = 0

  function count(peer: string, change: number): void {
    calls += change
    const ofPeer = (byPeer.get(peer) ?? 0) + change
    if (ofPeer === 0) byPeer.delete(peer)
    else byPeer.set(peer, ofPeer)
  }

  function requireRoom(peer: string): void {
    if (!rate.take(peer, performance.now())) throw tooMany('too many calls from this address')
    if (calls >= maxConcurrentCalls) {
      throw tooMany(`there are too many calls at once (max_concurrent_calls, ${maxConcurrentCalls})`)
    }
    if ((byPeer.get(peer) ?? 0) >= maxOfPeer) {
      throw tooMany(
        `there are too many calls at once from this address (max_held_share of max_concurrent_calls, ${maxOfPeer})`,
      )
    }
  }

  return {
    open(peer) {
      const holders: readonly Holder[] = [`peer ${peer}`]
      let taken = 0
      let isCounted = false
      let isClosed = false
      const take = (bytes: number) => {
        if (isClosed) return
        held.add(holders, bytes)
        taken += bytes
      }
      const within = (check: () => void) => {
        try {
          check()
        } catch (error) {
          refused++
          throw error instanceof ForesizeError ? tooMany(error.message) : error
        }
      }
      return {
        admit() {
          if (isClosed) throw new ConnectError('the caller has gone', Code.Canceled)
          if (isCounted) return
          within(() => {
            requireRoom(peer)
            held.require(holders, callBytes)
          })
          take(callBytes)
          isCounted = true
          count(peer, 1)
        },
        receive(bytes) {
          const readBytes = bytes * readBytesPerByte
          within(() => held.require(holders, readBytes))
          take(readBytes)
        },
        hold(bytes) {
          within(() => held.require(holders, bytes))
          take(bytes)
          return () => take(-bytes)
        },
        sending: take,
        sent: (bytes) => take(-bytes),
        close() {
          take(-taken)
          if (isCounted && !isClosed) count(peer, -1)
          isClosed = true
        },
      }
    },
    calls: () => calls,
    refused: () => refused,
  }
}

function tooMany(message: string): ConnectError {
  return new ConnectError(message, Code.ResourceExhausted)
}

/** The call that a handler is run for. */
export const admittedCall = createContextKey<AdmittedCall | undefined>(undefined)

/** The address that a call comes from, without its port. */
export const peerOf = createContextKey('unknown')
