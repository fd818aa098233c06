import { setTimeout as sleep } from 'node:timers/promises'
import { create, type DescService } from '@bufbuild/protobuf'
import type { Log } from '../../shared/runtime/log.ts'
import type { Upstream } from './upstream.ts'

export interface UpstreamHealth {
  /** Whether the service of that name said SERVING when it was last asked. */
  isServing(name: string): boolean
  close(): Promise<void>
}

/** Asks every service, by standard health, each `intervalMs`. The first answers are there when it resolves. */
export async function followHealth(
  upstreams: readonly Upstream[],
  health: DescService,
  { intervalMs, log }: { readonly intervalMs: number; readonly log: Log },
): Promise<UpstreamHealth> {
  const serving = new Map<string, boolean>()
  const closing = new AbortController()
  const check = health.methods.find(({ name }) => name === 'Check')
  if (check === undefined) throw new Error('the contract has no health check')
  const request = create(check.input)

  async function ask(upstream: Upstream): Promise<void> {
    const call = { method: check as NonNullable<typeof check>, header: new Headers(), timeoutMs: intervalMs }
    let problem: string | undefined
    try {
      const answer = await upstream.unary({ ...call, signal: closing.signal }, request)
      if (!isServing(answer)) problem = 'it says that it does not serve'
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error)
    }
    const { name } = upstream
    const is = problem === undefined
    if (closing.signal.aborted || serving.get(name) === is) return
    serving.set(name, is)
    if (is) log.info({ upstream: name }, 'a service is there')
    else log.warn({ upstream: name, problem }, 'a service is away')
  }

  async function follow(upstream: Upstream): Promise<void> {
    while (!closing.signal.aborted) {
      await sleep(intervalMs, undefined, { signal: closing.signal }).catch(() => undefined)
      if (!closing.signal.aborted) await ask(upstream)
    }
  }

  await Promise.all(upstreams.map(ask))
  const following = Promise.all(upstreams.map(follow))
  return {
    isServing: (name) => serving.get(name) === true,
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
