import {
  Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServerListener,
  status,
} from '@grpc/grpc-js'
import { ForesizeError } from '../domain/errors.ts'
import type { HeldBytes, Holder } from '../runtime/held-bytes.ts'
import type { Log } from '../runtime/log.ts'
import { recentlyUsed } from '../runtime/recently-used.ts'
import type { CallSpan, Tracing } from '../runtime/tracing.ts'
import { type AccessRule, accessRules } from './access-rules.ts'
import { anyone, authorizeAll, nobody, type Principal, tenantOf } from './principal.ts'
import { createRateLimit } from './rate-limit.ts'
import { receiveWindows } from './receive-window.ts'
import { type ReceivedBytes, receivedBytes } from './received-bytes.ts'
import type { RequestReader } from './request-reader.ts'
import { statusOfFailure } from './status.ts'
import { type Grant, type Tokens, tokensOf } from './tokens.ts'

export interface GuardSettings {
  /** Hashed tokens with their roles and namespaces; everyone may do everything where unset. */
  readonly tokensFile?: string | undefined
  /** The tokens are read again so often. Default 10,000. */
  readonly reloadMs?: number | undefined
  /** Reflection without a token. Health is always open: probes have none. Default false. */
  readonly openReflection?: boolean | undefined
  /** Calls a second from one address, a stream counting once. Default 20,000; 0 means no limit. */
  readonly maxCallsPerSecondPerPeer?: number | undefined
}

export interface Guard {
  readonly interceptor: ServerInterceptor
  /** Calls refused so far, by status. */
  refusals(): ReadonlyMap<status, number>
  /** Calls that ended so far, by path of a method of ours and status. */
  calls(): ReadonlyMap<string, ReadonlyMap<status, number>>
  close(): void
}

/** What a server tells of itself to a caller that asks with this header and was let in: in trailers of the same prefix. */
export const inspectHeader = 'foresize-inspect'

export type ServerInfo = Readonly<Record<string, string>>

export interface GuardParts {
  readonly info?: () => ServerInfo
  /** What calls and their unfinished messages count against. */
  readonly held: HeldBytes
  /** Of the service's requests, by path; others come decoded. */
  readonly readers: ReadonlyMap<string, RequestReader>
  readonly tracing?: Tracing | undefined
}

/** Peers whose rate is remembered, and peers whose refusal was logged lately. */
const maxPeers = 10_000
const refusalLogIntervalMs = 60_000

const principals = new WeakMap<Metadata, Principal>()

/** Whom the guard let in with a call. */
export function principalOf(metadata: Metadata): Principal {
  return principals.get(metadata) ?? nobody
}

/**
 * Stands before every handler: rate by peer, token, role of the method, bounds of the request, its namespaces.
 * A stream is cut with UNAUTHENTICATED within a second of its token's expiry, or of its removal being read.
 */
export function createGuard(settings: GuardSettings, log: Log, parts: GuardParts): Guard {
  const { info = () => ({}), tracing, held, readers } = parts
  const { tokensFile, reloadMs, openReflection = false, maxCallsPerSecondPerPeer = 20_000 } = settings
  const tokens = tokensFile === undefined ? undefined : tokensOf(tokensFile, log, reloadMs)
  const windows = receiveWindows(held)
  const rate = createRateLimit(maxCallsPerSecondPerPeer, maxPeers)
  const refused = new Map<status, number>()
  const ended = new Map<string, Map<status, number>>([...accessRules.keys()].map((path) => [path, new Map()]))
  const loggedAtMs = recentlyUsed<number>(maxPeers)
  const streams = new Map<ServerInterceptingCallInterface, Grant>()

  const sweep = setInterval(() => {
    const nowUnixMs = Date.now()
    for (const [call, grant] of streams) {
      if (grant.isValid(nowUnixMs)) continue
      streams.delete(call)
      refuse(call, new ForesizeError('unauthenticated', 'the token is no longer valid'), 'stream')
    }
  }, 1000).unref()

  /** Throws what is no refusal. */
  function refuse(call: ServerInterceptingCallInterface, error: unknown, path: string): void {
    if (!(error instanceof ForesizeError)) throw error
    const code = statusOfFailure(error.failure)
    refused.set(code, (refused.get(code) ?? 0) + 1)
    logOncePerHost(hostOf(call), { peer: call.getPeer(), path, reason: error.message })
    call.sendStatus({ code, details: error.message })
  }

  function logOncePerHost(
    host: string,
    fields: { readonly peer: string; readonly path: string; readonly reason: string },
  ): void {
    const nowMs = performance.now()
    if (nowMs - (loggedAtMs.get(host) ?? Number.NEGATIVE_INFINITY) < refusalLogIntervalMs) return
    loggedAtMs.set(host, nowMs)
    log.warn(fields, 'a call was refused; further ones of this peer go unlogged for a minute')
  }

  const isOpen = (path: string) =>
    path.startsWith(healthPrefix) || (openReflection && path.startsWith(reflectionPrefix))
  const takesNamesOnly = (path: string) => path.startsWith(healthPrefix) || path.startsWith(reflectionPrefix)

  /** Throws: ForesizeError. */
  function admit(path: string, rule: AccessRule<never> | undefined, metadata: Metadata, host: string): Grant {
    if (!rate.take(host, performance.now())) {
      throw new ForesizeError('overloaded', 'too many calls from this address')
    }
    if (tokens === undefined || isOpen(path)) return open
    const grant = grantOf(metadata, tokens)
    if (rule !== undefined && !rule.roles.some((role) => grant.principal.roles.has(role))) {
      throw new ForesizeError(
        'forbidden',
        `${grant.principal.name} needs the role ${rule.roles.join(' or ')}`,
      )
    }
    return grant
  }

  const interceptor: ServerInterceptor = ({ path, requestStream, responseStream }, call) => {
    const rule = accessRules.get(path)
    const read = readers.get(path)
    const byCode = ended.get(path)
    const namespacesOf = rule?.namespacesOf as AccessRule<unknown>['namespacesOf']
    let principal = nobody
    let isInspected = false
    let span: CallSpan | undefined
    let received: ReceivedBytes | undefined

    const listener: ServerListener = {
      onReceiveMetadata(metadata, pass) {
        const host = hostOf(call)
        try {
          const grant = admit(path, rule, metadata, host)
          principal = grant.principal
          const most = takesNamesOnly(path) ? maxNameMessageBytes : Number.POSITIVE_INFINITY
          const holders = holdersOf(host, principal)
          received = receivedBytes(call, held, holders, most, (error) => refuse(call, error, path))
          if (requestStream && read !== undefined) windows.watch(call, holders)
          if (grant !== open && (requestStream || responseStream)) streams.set(call, grant)
        } catch (error) {
          refuse(call, error, path)
          return
        }
        if (rule !== undefined) {
          span = tracing?.begin(path, metadata.get('traceparent')[0]?.toString(), host)
          isInspected = metadata.get(inspectHeader).length > 0
        }
        metadata.remove('authorization')
        principals.set(metadata, principal)
        pass(metadata)
      },
      onReceiveMessage(given, pass) {
        function handOn(message: unknown): void {
          received?.message()
          if (namespacesOf !== undefined && principal.namespaces !== 'all') {
            authorizeAll(principal, namespacesOf(message))
          }
          pass(message)
        }
        const refused = (error: unknown) => refuse(call, error, path)
        try {
          const message = read === undefined ? given : read(given)
          // The end of its requests, which has come meanwhile, is handed on with it: its handler begins here.
          if (message instanceof Promise)
            message.then((whole) => (span ? span.run(() => handOn(whole)) : handOn(whole))).catch(refused)
          else handOn(message)
        } catch (error) {
          refused(error)
        }
      },
      // Then its handler begins, but that of a stream of requests, which makes no calls.
      onReceiveHalfClose(pass) {
        if (span === undefined) pass()
        else span.run(pass)
      },
      onCancel() {
        streams.delete(call)
        // After a status this does nothing: the call went away without one.
        span?.end(status.CANCELLED, 'cancelled')
        span = undefined
      },
    }
    return new ServerInterceptingCall(call, {
      start: (next) => next(listener),
      sendStatus(result, next) {
        byCode?.set(result.code, (byCode.get(result.code) ?? 0) + 1)
        span?.end(result.code, result.details)
        span = undefined
        next(
          isInspected ? { ...result, metadata: withInfo(result.metadata ?? new Metadata(), info()) } : result,
        )
      },
    })
  }

  return {
    interceptor,
    refusals: () => refused,
    calls: () => ended,
    close() {
      clearInterval(sweep)
      tokens?.close()
    },
  }
}

/** Health and reflection ask for a name. */
const maxNameMessageBytes = 16 * 1024

function holdersOf(host: string, principal: Principal): readonly Holder[] {
  const tenant = tenantOf(principal)
  return tenant === undefined ? [`peer ${host}`] : [`peer ${host}`, `tenant ${tenant}`]
}

const healthPrefix = '/grpc.health.v1.'
const reflectionPrefix = '/grpc.reflection.'

/** What every caller has where there are no tokens. */
const open: Grant = { principal: anyone, isValid: () => true }

function grantOf(metadata: Metadata, tokens: Tokens): Grant {
  const [header] = metadata.get('authorization')
  const token = /^Bearer +([^ ]+)$/i.exec(String(header ?? ''))?.[1]
  if (token === undefined) throw new ForesizeError('unauthenticated', 'a bearer token is needed')
  const verdict = tokens.verify(token, Date.now())
  switch (verdict.kind) {
    case 'granted':
      return verdict.grant
    case 'expired':
      throw new ForesizeError('unauthenticated', `the token of ${verdict.name} has expired`)
    case 'unknown':
      throw new ForesizeError('unauthenticated', 'the token is not known here')
  }
}

function withInfo(metadata: Metadata, info: ServerInfo): Metadata {
  for (const [name, value] of Object.entries(info)) metadata.set(`foresize-${name}`, value)
  return metadata
}

/** The peer without its port; `getPeer` would ask the socket for both again. */
function hostOf(call: ServerInterceptingCallInterface): string {
  return call.getConnectionInfo().remoteAddress ?? 'unknown'
}
