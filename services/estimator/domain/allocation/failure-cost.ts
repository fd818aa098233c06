import { type DimensionModel, meanRuntimeMs } from '../ensemble/dimension-model.ts'

/** What a failure costs. */
export interface FailureCost {
  /** Share of a run that has passed when it fails: 1 is its very end. */
  readonly timeToFailure: number
  /** What a failure is charged on top, in runs of a typical need: a person's patience. */
  readonly patience: number
  /** And in runs of a typical need, or of `restartAmount` where that is more: a platform's time to start again. */
  readonly restart: number
  readonly restartAmount: number
  /** Largest need seen, where a retry goes first; unset where none was. */
  readonly largest?: number | undefined
  /** The typical need; the mean of the distribution where unset. */
  readonly typicalNeed?: number | undefined
}

const patience = 0.5
/** A restart costs as if so much time were lost, of at least so much memory, at most so many runs of it. */
const restartMs = 45_000
const restartBytes = 5e8
const mostRestarts = 20

/** `exceeding`: what running executions use beyond what was predicted; a retry goes at least there. */
export const failureCostOf = (
  model: Pick<DimensionModel, 'largest' | 'runtimeSumMs' | 'runtimeCount'>,
  exceeding: readonly number[] = [],
): FailureCost => ({
  ...failureCostFor(meanRuntimeMs(model)),
  largest: Math.max(model.largest ?? 0, ...exceeding),
})

/** Of a task that runs so long, as far as that is known, and that no need is known of. */
export const failureCostFor = (runtimeMs = Number.POSITIVE_INFINITY): FailureCost => ({
  timeToFailure: 1,
  patience,
  restart: Math.min(mostRestarts, restartMs / runtimeMs),
  restartAmount: restartBytes,
})

/** What one failure costs, in runs of a typical need, before the risk profile's factor. */
export const failurePrice = (
  { patience, restart, restartAmount }: FailureCost,
  typicalNeed: number,
): number => patience + restart * Math.max(1, restartAmount / typicalNeed)
