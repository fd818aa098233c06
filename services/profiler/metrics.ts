import { type Aggregator, Counter, Histogram, type Registry } from 'prom-client'
import { type ExecutionRecord, type Outcome, outcomes } from '../../shared/domain/execution.ts'
import { dimensions } from '../../shared/domain/resources.ts'
import { rpcMetrics } from '../../shared/rpc/metrics.ts'
import type { RpcServerFigures } from '../../shared/rpc/server.ts'
import { counterOf, gaugeOf } from '../../shared/runtime/metrics.ts'
import type { Committer, Unit, UnitResult } from './committer.ts'
import { scoreEstimate } from './domain/accuracy.ts'
import { defaultFoldSettings } from './domain/fold.ts'
import { readEstimateToken } from './estimate-token.ts'
import type { IngestionFigures, IngestionSettings } from './ingestion.ts'
import type { ProfileStore, StoreStatistics } from './store.ts'

/** What the profiler tells its operator. No metric names a task or a tenant. */
export interface ProfilerMetrics {
  /** A batch was read from a stream. */
  batch(events: BatchSize): void
  /** Times what is submitted until it is durable, and counts what was folded and how well its estimate did. */
  observedCommitter(committer: Committer): Committer
  /** Times the store, and counts its watchers and what they were sent. */
  observedStore(store: ProfileStore): ProfileStore
}

export interface BatchSize {
  readonly starts: number
  readonly samples: number
  readonly ends: number
  readonly rejections: number
}

const prefix = 'foresize_profiler'
const secondsBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

export function profilerMetrics(registry: Registry, monotonicMs: () => number): ProfilerMetrics {
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name: `${prefix}_${name}`, help, labelNames: [...labelNames], registers })
  const histogram = (name: string, help: string) =>
    new Histogram({ name: `${prefix}_${name}`, help, buckets: secondsBuckets, registers })

  const batches = counter('batches_total', 'Batches read from StreamUsage.')
  const events = counter('events_total', 'Events in those batches, by kind.', ['kind'])
  const rejected = counter('rejected_events_total', 'Events refused one by one.')
  const folds = counter('folds_total', 'Executions folded into a profile, by outcome.', ['outcome'])
  const repeats = counter('repeated_executions_total', 'Executions reported again and ignored.')
  const acknowledgement = histogram(
    'acknowledgement_seconds',
    'From a batch or record being taken in to its being durable.',
  )
  const commit = histogram('store_commit_seconds', 'One group commit of the store.')
  const commitFailures = counter('store_commit_failures_total', 'Commits that the store refused or failed.')
  const sent = counter('feed_changes_total', 'Changes sent to followers of the feed.')
  const scored = counter(
    'scored_executions_total',
    'Folded executions whose allocation came from an estimate and whose need is known, by dimension.',
    ['dimension'],
  )
  const covered = counter('covered_executions_total', 'Scored executions for which the estimate sufficed.', [
    'dimension',
  ])
  const confidence = counter(
    'estimate_confidence_total',
    'Sum of the confidence of the scored estimates: over scored executions it should equal the coverage.',
    ['dimension'],
  )
  const wasted = counter('wasted_byte_seconds_total', 'Memory estimated above the need, times run time.')
  const needed = counter('needed_byte_seconds_total', 'Memory needed by scored executions, times run time.')
  let waiting = 0
  let watchers = 0
  gaugeOf(registry, `${prefix}_commit_queue`, 'Batches and records waiting to be durable.', () => waiting)
  gaugeOf(registry, `${prefix}_feed_watchers`, 'Followers of the feed.', () => watchers)

  const eventsOf = {
    start: events.labels('start'),
    sample: events.labels('sample'),
    end: events.labels('end'),
  }
  const foldsOf = Object.fromEntries(outcomes.map((outcome) => [outcome, folds.labels(outcome)])) as Readonly<
    Record<Outcome, ReturnType<typeof folds.labels>>
  >
  for (const each of [scored, covered, confidence]) for (const name of dimensions) each.labels(name).inc(0)

  function committed({ finished }: Unit, { folded }: UnitResult): void {
    const counts: { [O in Outcome]?: number } = {}
    for (let index = 0; index < finished.length; index++) {
      const record = finished[index] as ExecutionRecord
      if (!folded[index]) {
        repeats.inc()
        continue
      }
      counts[record.outcome] = (counts[record.outcome] ?? 0) + record.weight
      const estimate = readEstimateToken(record.estimateToken)
      if (estimate === undefined) continue
      // One execution scored alone; of the strategies' own predictions there would be too many series.
      const own = {
        ...estimate,
        dimensions: estimate.dimensions.map((each) => ({ ...each, predictions: [] })),
      }
      for (const score of scoreEstimate([], own, record, defaultFoldSettings)) {
        const { dimension, weight } = score
        scored.labels(dimension).inc(weight)
        covered.labels(dimension).inc(score.coverage * weight)
        confidence.labels(dimension).inc(score.meanConfidence * weight)
        if (dimension !== 'memoryBytes') continue
        wasted.inc((score.wastage * weight) / 1000)
        needed.inc((((record.used.memoryBytes ?? 0) * (record.used.durationMs ?? 0)) / 1000) * weight)
      }
    }
    for (const outcome in counts) foldsOf[outcome as Outcome].inc(counts[outcome as Outcome])
  }

  return {
    batch({ starts, samples, ends, rejections }) {
      batches.inc()
      if (starts > 0) eventsOf.start.inc(starts)
      if (samples > 0) eventsOf.sample.inc(samples)
      if (ends > 0) eventsOf.end.inc(ends)
      if (rejections > 0) rejected.inc(rejections)
    },
    observedCommitter: (committer) => ({
      ...committer,
      async submit(unit) {
        const startMs = monotonicMs()
        waiting++
        try {
          const result = await committer.submit(unit)
          acknowledgement.observe((monotonicMs() - startMs) / 1000)
          committed(unit, result)
          return result
        } finally {
          waiting--
        }
      },
    }),
    observedStore: (store) => ({
      ...store,
      async commit(given) {
        const startMs = monotonicMs()
        try {
          const result = await store.commit(given)
          commit.observe((monotonicMs() - startMs) / 1000)
          return result
        } catch (error) {
          commitFailures.inc()
          throw error
        }
      },
      async *watch(cursor, signal, namespaces) {
        watchers++
        try {
          for await (const change of store.watch(cursor, signal, namespaces)) {
            sent.inc()
            yield change
          }
        } finally {
          watchers--
        }
      },
    }),
  }
}

export interface ProfilerFigures {
  readonly ingestion: () => IngestionFigures
  readonly store: () => StoreStatistics
  readonly server: () => RpcServerFigures
  readonly isReady: () => boolean
  readonly limits: Pick<IngestionSettings, 'maxSessions' | 'maxOpenExecutions'>
}

/** What is read when Prometheus asks. */
export function profilerFigures(
  registry: Registry,
  { ingestion, store, server, isReady, limits }: ProfilerFigures,
): void {
  const gauge = (name: string, help: string, read: () => number, aggregator?: Aggregator) =>
    gaugeOf(registry, `${prefix}_${name}`, help, read, aggregator)
  gauge(
    'ready',
    '1 while the store can keep what it promises and calls are taken, else 0.',
    () => (isReady() ? 1 : 0),
    'min',
  )
  gauge(
    'store_persistent',
    '1 while what is acknowledged outlives a crash of the store, else 0.',
    () => (store().isPersistent ? 1 : 0),
    'min',
  )
  gauge('sessions', 'Sessions held by this process.', () => ingestion().sessions)
  gauge(
    'open_executions',
    'Executions that are open, of clients that are away too.',
    () => ingestion().openExecutions,
    'max',
  )
  gauge('sessions_limit', 'Sessions that may be kept.', () => limits.maxSessions, 'max')
  gauge('open_executions_limit', 'Executions that may run at once.', () => limits.maxOpenExecutions, 'max')
  counterOf(
    registry,
    `${prefix}_overflowed_executions_total`,
    "Executions of tasks beyond their namespace's limit.",
    () => ingestion().overflowedExecutions,
  )
  counterOf(
    registry,
    `${prefix}_lost_executions_total`,
    'Executions closed because their worker fell silent.',
    () => ingestion().lostExecutions,
  )
  counterOf(
    registry,
    `${prefix}_quarantined_records_total`,
    'Stored records that could not be read and were put aside.',
    () => store().quarantined,
  )
  rpcMetrics(registry, prefix, server)
}
