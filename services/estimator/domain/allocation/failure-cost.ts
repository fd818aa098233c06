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
export function failureCostOf(
  model: Pick<DimensionModel, 'largest' | 'runtimeSumMs' | 'runtimeCount'>,
  exceeding: readonly number[] = [],
): FailureCost {
  const runtimeMs = meanRuntimeMs(model) ?? Number.POSITIVE_INFINITY
  return {
    timeToFailure: 1,
    patience,
    restart: Math.min(mostRestarts, restartMs / runtimeMs),
    restartAmount: restartBytes,
    largest: Math.max(model.largest ?? 0, ...exceeding),
  }
}

/** Of a task that no execution is known of. */
export const unknownFailureCost: FailureCost = {
  timeToFailure: 1,
  patience: 1,
  restart: 0,
  restartAmount: 0,
}

/** What one failure costs, in runs of a typical need, before the risk profile's factor. */
export const failurePrice = (
  { patience, restart, restartAmount }: FailureCost,
  typicalNeed: number,
): number => patience + restart * Math.max(1, restartAmount / typicalNeed)
