import { type Aggregator, Gauge, type Registry } from 'prom-client'
import {
  type EstimateSource,
  estimateSources,
  type NoticeKind,
  noticeKinds,
} from '../../shared/domain/estimate.ts'
import { rpcMetrics } from '../../shared/rpc/metrics.ts'
import type { RpcServerFigures } from '../../shared/rpc/server.ts'
import { countersOf, gaugeOf, gaugesOf, histogramOf } from '../../shared/runtime/metrics.ts'
import type { Breakers, RemoteBreaker } from './breaker.ts'
import type { Answer } from './domain/estimate/estimate.ts'
import type { Estimator } from './estimator.ts'
import type { Replica } from './replica.ts'

const prefix = 'foresize_estimator'
const secondsBuckets = [
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1,
]

const confidenceBuckets = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1]

/** Counts what is answered, from where, and how long it took. No metric names a task or a tenant. */
export function observedEstimator(
  estimator: Estimator,
  registry: Registry,
  monotonicMs: () => number,
): Estimator {
  const answers = Object.fromEntries(estimateSources.map((source) => [source, 0])) as Record<
    EstimateSource,
    number
  >
  countersOf(registry, `${prefix}_estimates_total`, 'Estimates, by what they came from.', ['source'], () =>
    estimateSources.map((source) => [[source], answers[source]] as const),
  )
  const notices = Object.fromEntries(noticeKinds.map((kind) => [kind, 0])) as Record<NoticeKind, number>
  countersOf(registry, `${prefix}_notices_total`, 'Notices that estimates carried, by kind.', ['kind'], () =>
    noticeKinds.map((kind) => [[kind], notices[kind]] as const),
  )
  const observeSeconds = histogramOf(
    registry,
    `${prefix}_estimate_seconds`,
    'One estimate, without its transport; with the wait for a profile that was not held.',
    secondsBuckets,
  )
  const observeConfidence = histogramOf(
    registry,
    `${prefix}_confidence`,
    'The confidence that estimates were given with.',
    confidenceBuckets,
  )

  function counted(estimate: Answer, startMs: number): Answer {
    answers[estimate.source]++
    for (const { kind } of estimate.notices) notices[kind]++
    if (estimator.age().stale !== undefined) notices['stale-view']++
    observeConfidence(estimate.confidence)
    observeSeconds((monotonicMs() - startMs) / 1000)
    return estimate
  }

  return {
    ...estimator,
    estimate(query) {
      const startMs = monotonicMs()
      const estimate = estimator.estimate(query)
      return estimate instanceof Promise
        ? estimate.then((answer) => counted(answer, startMs))
        : counted(estimate, startMs)
    },
  }
}

export interface EstimatorFigures {
  readonly replica: Replica
  readonly breakers: Breakers
  readonly strategies: readonly string[]
  readonly profilerBreaker: RemoteBreaker
  readonly limits: { readonly replicaMaxProfiles: number; readonly replicaMaxBytes: number }
  readonly server: () => RpcServerFigures
}

/** What is read when Prometheus asks. */
export function estimatorFigures(registry: Registry, figures: EstimatorFigures): void {
  const { replica, breakers, strategies, profilerBreaker, limits, server } = figures
  const gauge = (name: string, help: string, read: () => number, aggregator?: Aggregator) =>
    gaugeOf(registry, `${prefix}_${name}`, help, read, aggregator)
  gauge(
    'staleness_seconds',
    'Age of the view of the profiles; grows while the profiler cannot be followed.',
    () => replica.stalenessMs() / 1000,
    'max',
  )
  gauge('profiles', 'Profiles held.', () => replica.profiles)
  gauge('profile_bytes', 'Encoded profiles held, in bytes.', () => replica.bytes)
  const bound = (name: string, help: string, value: number) =>
    new Gauge({ name: `${prefix}_${name}`, help, registers: [registry] }).set(value)
  bound('profiles_limit', 'Profiles that may be held.', limits.replicaMaxProfiles)
  bound('profile_bytes_limit', 'Encoded profiles that may be held, in bytes.', limits.replicaMaxBytes)
  gaugesOf(
    registry,
    `${prefix}_breaker_open`,
    'Whether a breaker is open: a strategy is left out or not followed, or the profiler is not asked.',
    ['breaker'],
    function* () {
      for (const strategy of strategies) {
        const reason = breakers.leftOut(strategy) ?? breakers.unfollowed(strategy)
        yield [[`strategy/${strategy}`], reason === undefined ? 0 : 1]
      }
      yield [['profiler'], profilerBreaker.opened ? 1 : 0]
    },
    'max',
  )
  rpcMetrics(registry, prefix, server)
}
