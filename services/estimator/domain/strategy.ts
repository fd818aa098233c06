import type { Point } from './encoding.ts'
import type { Neighbours } from './neighbours.ts'

/** What a learner may ask of its surroundings. */
export interface Setting {
  /** The column that tells most about the need so far, −1 = none. */
  readonly primary: () => number
  /** The nearest by that column. */
  readonly neighbours: (point: Point) => Neighbours
}

/**
 * One way to predict the need in one dimension from what is known before the run.
 * Law (test/contract/strategy.ts): predictions depend only on what was observed, in order; observing never throws for
 * finite positive needs; a prediction is finite and positive, or undefined when there is nothing to say.
 */
export interface Strategy {
  readonly describe: string
  readonly start: (setting: Setting) => Learner
}

/** The strategies that a model follows, by name; the order breaks ties. */
export type Registry = Readonly<Record<string, Strategy>>

export interface Learner {
  observe(point: Point, need: number): void
  predict(point: Point): number | undefined
}

export const clamp = (value: number, low: number, high: number): number =>
  Math.min(Math.max(value, low), high)

/** The range of ln(need) seen so far; regressions may leave it by 0.7 (a factor of two) either way. */
export interface Range {
  observe(logNeed: number): void
  clamp(logNeed: number): number
}

export function seenRange(): Range {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  return {
    observe(logNeed) {
      if (logNeed < low) low = logNeed
      if (logNeed > high) high = logNeed
    },
    clamp: (logNeed) => clamp(logNeed, low - 0.7, high + 0.7),
  }
}
