import type { Confidence, Estimate, EstimateQuery } from '../../shared/domain/estimate.ts'
import type { ExecutionRecord } from '../../shared/domain/execution.ts'
import type { Resources } from '../../shared/domain/resources.ts'

/** An estimate as far as a backtest reads it: without its reason. */
export type PairEstimate = Omit<Estimate, 'reason'>

/** A profiler and an estimator, however they are reached: in this process, or over gRPC. */
export interface Pair {
  /** In the order asked, all from what was reported so far. */
  estimate(queries: readonly EstimateQuery[]): Promise<readonly PairEstimate[]>
  confidence(query: EstimateQuery, resources: Resources): Promise<Omit<Confidence, 'reason'>>
  report(record: ExecutionRecord): Promise<void>
  /** Microseconds of each answer from what is learned already, and of each learning of one execution more. */
  readonly timings: { readonly estimateUs: readonly number[]; readonly updateUs: readonly number[] }
  /** Leaves nothing behind. */
  close(): Promise<void>
}
