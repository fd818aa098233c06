import type { ExecutionStart } from '../../shared/domain/execution.ts'
import type { HeldBytes } from '../../shared/runtime/held-bytes.ts'
import { addTo } from './counts.ts'
import type { Session } from './domain/session.ts'
import type { Counts } from './store.ts'

export interface QuotaSettings {
  /** Of all clients, those that are away included. Default 100,000. */
  readonly maxOpenExecutions: number
  /** Default 20,000. */
  readonly maxOpenExecutionsPerNamespace: number
  /** Sessions kept, those of clients that are away included. Default 100,000. */
  readonly maxSessions: number
  /** The largest part of each for one tenant. Default 0.5. */
  readonly maxHeldShare: number
}

/**
 * What clients have kept here: open executions and sessions by tenant, of clients that are away as well, at other
 * profilers too, and after a restart.
 * Law: what the store said last, and what was taken since or is not durable yet: nothing is forgotten between the two.
 */
export interface Quotas {
  /** Why no further execution may be kept open; one that may counts from then on, until the next `change` says what came of it. */
  refuseOpen(start: ExecutionStart): string | undefined
  /** Why no further session may be kept. */
  refuseSession(tenant: string | undefined): string | undefined
  /** Takes at once what is added; gives back what is freed only once that is durable. */
  change(added: Counts, freed: Counts, durable: Promise<unknown>): void
  refresh(read: () => Promise<ReadonlyMap<string, number>>): Promise<void>
  openExecutions(): number
}

export function quotas(settings: QuotaSettings, held: HeldBytes): Quotas {
  const { maxOpenExecutions, maxOpenExecutionsPerNamespace, maxSessions, maxHeldShare } = settings
  const ofOne = Math.min(maxOpenExecutionsPerNamespace, shareOf(maxOpenExecutions, maxHeldShare))
  let base: ReadonlyMap<string, number> = new Map()
  const since = new Map<string, number>()
  /** Durable since the store was last asked. */
  let settled: Counts[] = []
  /** Of the batch that is being taken in. */
  const reserved = new Map<string, number>()
  const charged = new Map<string, number>()

  const count = (name: string) => (base.get(name) ?? 0) + (since.get(name) ?? 0)

  function addOne(name: string, step: number): void {
    addTo(since, name, step)
    charge(name)
  }

  function add(counts: Counts, sign: 1 | -1): void {
    for (const name in counts) addOne(name, sign * (counts[name] as number))
  }

  function reserve(name: string, step: number): void {
    addOne(name, step)
    addTo(reserved, name, step)
  }

  function charge(name: string): void {
    if (!name.startsWith(anyBytes)) return
    const bytes = count(name) - (charged.get(name) ?? 0)
    if (bytes === 0) return
    addTo(charged, name, bytes)
    held.add([`tenant ${name.slice(anyBytes.length)}`], bytes)
  }

  function refusalOf(namespace: string, bytes: number): string | undefined {
    try {
      held.require([`tenant ${namespace}`], bytes)
      return undefined
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }

  return {
    refuseOpen(start) {
      const { namespace } = start.task
      const [all, own] = [count(allExecutions), count(executionsIn(namespace))]
      if (all >= maxOpenExecutions) return `${all} executions are open, as many as max_open_executions allows`
      if (own >= ofOne)
        return `the namespace has ${own} executions open, as many as max_open_executions_per_namespace allows`
      const bytes = bytesOf(start)
      const refused = refusalOf(namespace, bytes)
      if (refused) return refused
      reserve(allExecutions, 1)
      reserve(executionsIn(namespace), 1)
      reserve(bytesIn(namespace), bytes)
      return undefined
    },
    refuseSession(tenant) {
      if (tenant === undefined) return undefined
      const own = count(sessionsOf(tenant))
      if (own < shareOf(maxSessions, maxHeldShare)) return undefined
      return `${tenant} has ${own} sessions, its share of max_sessions`
    },
    change(added, freed, durable) {
      for (const [name, step] of reserved) addOne(name, -step)
      reserved.clear()
      add(added, 1)
      durable.then(
        () => {
          add(freed, -1)
          const negative = Object.entries(freed).map(([name, step]) => [name, -step] as const)
          settled.push(added, Object.fromEntries(negative))
        },
        () => add(added, -1),
      )
    },
    async refresh(read) {
      const known = settled
      settled = []
      let counts: ReadonlyMap<string, number>
      try {
        counts = await read()
      } catch (error) {
        settled = [...known, ...settled]
        throw error
      }
      const before = [...base.keys()]
      base = counts
      for (const each of known) add(each, -1)
      for (const name of [...before, ...counts.keys()]) charge(name)
    },
    openExecutions: () => count(allExecutions),
  }
}

const allExecutions = 'executions'
const executionsIn = (namespace: string) => `executions ${namespace}`
const bytesIn = (namespace: string) => `bytes ${namespace}`
const anyBytes = bytesIn('')
const sessionsOf = (tenant: string) => `sessions ${tenant}`

/** What executions that are open count as. */
export function countsOfOpen(starts: readonly ExecutionStart[]): Counts {
  const byNamespace = new Map<string, { executions: number; bytes: number }>()
  for (const start of starts) {
    const { namespace } = start.task
    const own = byNamespace.get(namespace) ?? { executions: 0, bytes: 0 }
    byNamespace.set(namespace, own)
    own.executions += 1
    own.bytes += bytesOf(start)
  }
  const counts: Record<string, number> = {}
  if (starts.length > 0) counts[allExecutions] = starts.length
  for (const [namespace, { executions, bytes }] of byNamespace) {
    counts[executionsIn(namespace)] = executions
    counts[bytesIn(namespace)] = bytes
  }
  return counts
}

/** What a session counts as by itself. */
export const countsOfSession = (tenant: string | undefined): Counts =>
  tenant === undefined ? {} : { [sessionsOf(tenant)]: 1 }

/** Room for sessions that nobody asked for: what a tenant has left there counts in its share. */
export function sessionsLeft(
  { maxSessions, maxHeldShare }: Pick<QuotaSettings, 'maxSessions' | 'maxHeldShare'>,
  all: number,
  counts: ReadonlyMap<string, number>,
) {
  const taken = new Map<string, number>()
  let inAll = all
  return {
    /** Whether there is room for one more of that scope, which is taken then. */
    take(scope: Session['scope']): boolean {
      const tenant = tenantOfScope(scope)
      const name = tenant === undefined ? undefined : sessionsOf(tenant)
      const own = name === undefined ? 0 : (counts.get(name) ?? 0) + (taken.get(name) ?? 0)
      if (inAll >= maxSessions || own >= shareOf(maxSessions, maxHeldShare)) return false
      inAll += 1
      if (name !== undefined) addTo(taken, name, 1)
      return true
    },
  }
}

const shareOf = (most: number, share: number) => Math.max(1, Math.floor(most * share))

/** Whose share of the sessions one uses; undefined where nobody was asked. */
export const tenantOfScope = (scope: Session['scope']): string | undefined =>
  scope === 'all' ? '*' : scope?.join(',')

/** Memory for an open execution beside its texts, roughly. */
const executionBytes = 1024

/** What an open execution takes, roughly: the same for the same start, whoever counts. */
export function bytesOf({ executionId, task, features, labels, estimateToken }: ExecutionStart): number {
  let units = executionId.length + task.task.length + task.namespace.length
  for (const name in features) units += name.length + 8
  for (const name in labels) units += name.length + (labels[name] as string).length
  return executionBytes + estimateToken.length + 2 * units
}
