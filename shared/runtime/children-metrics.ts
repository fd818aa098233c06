import { AggregatorRegistry, type Registry } from 'prom-client'
import type { Child } from './children.ts'

/** Metrics of several processes as those of one. */
export interface ChildrenMetrics extends Pick<Registry, 'contentType' | 'metrics'> {
  add(child: Child): void
  /** What it has counted stays in the sums: a counter that falls looks like one that started anew. */
  remove(child: Child): void
}

type Figures = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

interface Known {
  latest: Figures
  /** Called when `latest` was renewed. */
  answered: () => void
}

/**
 * Of `own` and of the processes the sums, or what a metric's aggregator says. One that does not answer in time counts with
 * what it said last.
 */
export function childrenMetrics(own: Registry, withinMs: number): ChildrenMetrics {
  const known = new Map<Child, Known>()
  const ofThoseEnded: Figures[] = []
  let underWay: Promise<string> | undefined

  async function ask(child: Child, of: Known): Promise<void> {
    if (!child.isHealthy()) return
    const answer = Promise.withResolvers<void>()
    of.answered = answer.resolve
    child.tell({ kind: 'metrics' })
    const timer = setTimeout(answer.resolve, withinMs)
    await answer.promise
    clearTimeout(timer)
  }

  async function gather(): Promise<string> {
    ofThoseEnded.unshift(await aggregated(ofThoseEnded.splice(0)).getMetricsAsJSON())
    const ofOwn = await own.getMetricsAsJSON()
    await Promise.all([...known].map(([child, of]) => ask(child, of)))
    const latest = [...known.values()].map((of) => of.latest)
    return aggregated([ofOwn, ...ofThoseEnded, ...latest]).metrics()
  }

  return {
    contentType: own.contentType,
    metrics() {
      underWay ??= gather().finally(() => {
        underWay = undefined
      })
      return underWay
    },
    add(child) {
      const of: Known = { latest: [], answered: () => {} }
      known.set(child, of)
      child.onMessage((message) => {
        if (message.kind !== 'metrics') return
        of.latest = message.metrics as Figures
        of.answered()
      })
    },
    remove(child) {
      const of = known.get(child)
      if (of === undefined) return
      known.delete(child)
      of.answered()
      if (of.latest.length > 0) ofThoseEnded.push(of.latest.filter(isCounted))
    },
  }
}

const aggregated = (parts: readonly Figures[]): Registry => AggregatorRegistry.aggregate([...parts])

/** The type of a metric is a word, whatever prom-client's declarations say. */
const isCounted = ({ type }: Figures[number]) => ['counter', 'histogram'].includes(String(type))
