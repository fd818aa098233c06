import type { Point } from '../features/encoder.ts'
import type { Neighbours } from '../history/nearest-neighbours.ts'

/** What a learner may ask of its surroundings. */
export interface Surroundings {
  /** Column of the most informative feature so far; undefined: none. */
  readonly primaryColumn: () => number | undefined
  /** The nearest executions in that column. */
  readonly neighbours: NearestTo
}

export type NearestTo = (point: Point) => Neighbours

/**
 * One way to predict the need in one dimension from what is known before the run.
 * Law (test/contract/strategy.ts): predictions depend only on what was observed, in order; observing never throws for
 * finite positive needs; a prediction is finite and positive, or undefined when there is nothing to say.
 */
export interface Strategy {
  readonly describe: string
  /** It follows one law over all executions, forgetting none: its residuals show where the law has changed. */
  readonly countsAllAlike?: true
  /** It predicts the same of every point until it observes another execution. */
  readonly ignoresPoint?: true
  readonly start: (surroundings: Surroundings) => Learner
}

/** The strategies that a model follows, by name; the order breaks ties. */
export type Registry = Readonly<Record<string, Strategy>>

export interface Learner {
  observe(point: Point, need: number): void
  readonly predict: Predictor
  /** What `predict` is until another execution is observed. Unset: `predict` itself. */
  readonly fit?: Fit
}

/** Undefined: it abstains. */
export type Predictor = (point: Point) => number | undefined

/**
 * A prediction as a formula over a few numbers. The formula is the strategy's, the numbers are the task's: those of all its
 * strategies lie side by side, since a query waits longer for closures of their own than for what they work out.
 */
export interface Fit {
  /** How many numbers. */
  readonly size: number
  /** Puts them in `numbers` from a place on. */
  readonly into: (numbers: Float64Array, from: number) => Formula
}

export type Formula = (
  point: Point,
  numbers: Float64Array,
  from: number,
  neighbours: NearestTo,
) => number | undefined

export const abstaining: Formula = () => undefined

/** A fit, and the prediction by it. */
export const predictingBy = (
  fit: Fit,
  { neighbours }: Pick<Surroundings, 'neighbours'>,
): Pick<Learner, 'predict' | 'fit'> => ({
  fit,
  predict(point) {
    const numbers = new Float64Array(fit.size)
    return fit.into(numbers, 0)(point, numbers, 0, neighbours)
  },
})

/** Regressions may leave the range seen by a factor of two either way. */
const beyondRange = 0.7

/** Where a regression of ln(need) ends, by the needs seen so far. */
export interface SeenRange {
  observe(logNeed: number): void
  readonly lowest: () => number
  readonly highest: () => number
}

export function seenRange(): SeenRange {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  return {
    observe(logNeed) {
      if (logNeed < low) low = logNeed
      if (logNeed > high) high = logNeed
    },
    lowest: () => low - beyondRange,
    highest: () => high + beyondRange,
  }
}
