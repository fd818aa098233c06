import { setTimeout as sleep } from 'node:timers/promises'
import { type DescMethodUnary, fromBinary } from '@bufbuild/protobuf'
import { Code, ConnectError } from '@connectrpc/connect'
import type { Log } from '../../shared/runtime/log.ts'
import type { Upstream } from './upstream.ts'

export interface FollowedUpstream {
  readonly upstream: Upstream
  /**
   * A method that a service with tokens refuses without one. Where set, nothing is passed on to the service before it
   * was seen to refuse it.
   */
  readonly guarded: DescMethodUnary | undefined
}

export interface UpstreamHealth {
  /** Whether the service of that name said SERVING when it was last asked, and asks for tokens where it must. */
  isServing(name: string): boolean
  /** Throws: ConnectError where it was not seen to ask for tokens and must. */
  requireGuarded(name: string): void
  close(): Promise<void>
}

export interface FollowHealthOptions {
  /** Of standard health. */
  readonly check: DescMethodUnary
  readonly intervalMs: number
  readonly log: Log
}

/** A service that takes longer to say how it is cannot be used. */
const answerWithinMs = 2000

/** Asks every service for its health each `intervalMs`. The first answers are there when it resolves. */
export async function followHealth(
  followed: readonly FollowedUpstream[],
  { check, intervalMs, log }: FollowHealthOptions,
): Promise<UpstreamHealth> {
  const serving = new Map<string, boolean>()
  const unguarded = new Set(followed.filter(({ guarded }) => guarded).map(({ upstream }) => upstream.name))
  const closing = new AbortController()

  function call(upstream: Upstream, method: DescMethodUnary) {
    const { signal } = closing
    const forwarded = { method, header: new Headers(), peer: '', timeoutMs: answerWithinMs, signal }
    return upstream.unary(forwarded, new Uint8Array())
  }

  /** Says why it is not to be called; undefined where it is. */
  async function problemOf({ upstream, guarded }: FollowedUpstream): Promise<string | undefined> {
    try {
      const answer = await call(upstream, check)
      if (!isServing(fromBinary(check.output, answer))) return 'it says that it does not serve'
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
    // What a service asks for does not change while it runs.
    if (guarded === undefined || serving.get(upstream.name) === true) return undefined
    unguarded.add(upstream.name)
    const code = await call(upstream, guarded).then(
      () => undefined,
      (error: unknown) => ConnectError.from(error).code,
    )
    if (code !== Code.Unauthenticated) {
      return 'it asks for no token, and callers beyond this host show no certificate: set its --tokens-file, or here --tls-client-ca-file or --insecure-bind true'
    }
    unguarded.delete(upstream.name)
    return undefined
  }

  const problems = new Map<string, string | undefined>()
  async function ask(each: FollowedUpstream): Promise<void> {
    const { name } = each.upstream
    const problem = await problemOf(each)
    if (closing.signal.aborted) return
    serving.set(name, problem === undefined)
    if (problems.has(name) && problems.get(name) === problem) return
    problems.set(name, problem)
    if (problem === undefined) log.info({ upstream: name }, 'a service is there')
    else log.warn({ upstream: name, problem }, 'a service cannot be used')
  }

  async function follow(each: FollowedUpstream): Promise<void> {
    while (!closing.signal.aborted) {
      await sleep(intervalMs, undefined, { signal: closing.signal }).catch(() => undefined)
      if (!closing.signal.aborted) await ask(each)
    }
  }

  await Promise.all(followed.map(ask))
  const following = Promise.all(followed.map(follow))
  return {
    isServing: (name) => serving.get(name) === true,
    requireGuarded(name) {
      if (!unguarded.has(name)) return
      throw new ConnectError(
        `the ${name} was not seen to ask for tokens: nothing is passed on`,
        Code.Unavailable,
      )
    },
    async close() {
      closing.abort()
      await following
    },
  }
}

/** SERVING of grpc.health.v1. */
export const servingStatus = 1

function isServing(answer: object): boolean {
  return 'status' in answer && answer.status === servingStatus
}
