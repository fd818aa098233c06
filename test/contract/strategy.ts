import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encoder, type Point } from '../../services/estimator/domain/features/encoder.ts'
import { featureRelevance } from '../../services/estimator/domain/features/feature-relevance.ts'
import { neighbourSearch } from '../../services/estimator/domain/history/nearest-neighbours.ts'
import {
  addExecution,
  observedExecutions,
} from '../../services/estimator/domain/history/observed-executions.ts'
import type { NearestTo, Strategy } from '../../services/estimator/domain/strategies/strategy.ts'

interface Seen {
  readonly features: Readonly<Record<string, number>>
  readonly need: number
}

/** Needs over fifteen decades; features that appear and vanish, of either sign, zero among them. */
const anySeen: fc.Arbitrary<Seen> = fc.record({
  features: fc.dictionary(
    fc.constantFrom('input_bytes', 'samples', 'threads'),
    fc.oneof(fc.constant(0), fc.double({ min: -1e12, max: 1e12, noNaN: true })),
    { noNullPrototype: true },
  ),
  need: fc.oneof(
    fc.constantFrom(1, 1e9, 1e15),
    fc.double({ min: 0, max: 15, noNaN: true }).map((decades) => 10 ** decades),
  ),
})

const anyHistory = fc.array(anySeen, { minLength: 1, maxLength: 40 })

/** A strategy's learner in the surroundings that a model gives it. */
function learnerOf(strategy: Strategy) {
  const columns = encoder()
  const relevance = featureRelevance()
  const executions = observedExecutions()
  const { find } = neighbourSearch()
  const neighbours: NearestTo = (point) => find(executions, relevance.mostInformative(), point)
  const learner = strategy.start({ primaryColumn: relevance.mostInformative, neighbours })
  const encode = (features: Seen['features'], learn: boolean): Point => columns.encode(features, {}, learn)
  return {
    observe({ features, need }: Seen): void {
      const point = encode(features, true)
      learner.observe(point, need)
      addExecution(executions, { point, need, runtimeMs: 1 })
      relevance.observe(point, need)
    },
    predict: (features: Seen['features']) => learner.predict(encode(features, false)),
    /** By its formula, its numbers beginning at a place; undefined where it has none. */
    fitAt(from: number) {
      const { fit } = learner
      if (fit === undefined) return undefined
      const numbers = new Float64Array(from + fit.size + 1).fill(7)
      const formula = fit.into(numbers, from)
      return {
        outside: () => [...numbers.subarray(0, from), numbers.at(-1)],
        predict: (features: Seen['features']) => formula(encode(features, false), numbers, from, neighbours),
      }
    },
  }
}

function learnerAfter(history: readonly Seen[], strategy: Strategy) {
  const learner = learnerOf(strategy)
  for (const seen of history) learner.observe(seen)
  return learner
}

/** What the ensemble and the breakers rely on in every strategy. */
export function strategyContract(name: string, strategy: Strategy): void {
  describe(name, () => {
    test('abstains before it has seen anything', () => {
      expect(learnerOf(strategy).predict({ input_bytes: 1e6 })).toBeUndefined()
    })

    test('predicts a finite positive number or abstains, whatever it has seen', () => {
      fc.assert(
        fc.property(anyHistory, anySeen, (history, { features }) => {
          const answer = learnerAfter(history, strategy).predict(features)
          if (answer !== undefined) expect(answer > 0 && answer < 1e20).toBe(true)
        }),
        { numRuns: 200 },
      )
    })

    test('depends on what it has seen, in order, and on nothing else; predicting changes nothing', () => {
      fc.assert(
        fc.property(anyHistory, anySeen, (history, { features }) => {
          const queried = learnerOf(strategy)
          for (const seen of history) {
            queried.predict(seen.features)
            queried.observe(seen)
          }
          expect(queried.predict(features)).toBe(learnerAfter(history, strategy).predict(features))
        }),
        { numRuns: 100 },
      )
    })

    test('predicts the same by its formula, wherever its numbers lie; others are not touched', () => {
      fc.assert(
        fc.property(anyHistory, anySeen, fc.nat({ max: 20 }), (history, { features }, from) => {
          const learner = learnerAfter(history, strategy)
          const fit = learner.fitAt(from)
          if (fit === undefined) return
          expect(fit.predict(features)).toBe(learner.predict(features))
          expect(fit.outside()).toEqual(new Array(from + 1).fill(7))
        }),
        { numRuns: 100 },
      )
    })

    if (strategy.ignoresPoint)
      test('predicts the same of every point, as it says', () => {
        fc.assert(
          fc.property(anyHistory, anySeen, anySeen, (history, one, other) => {
            const learner = learnerAfter(history, strategy)
            expect(learner.predict(one.features)).toBe(learner.predict(other.features))
          }),
          { numRuns: 100 },
        )
      })

    test('predicts the need of executions that are all equal', () => {
      fc.assert(
        fc.property(anySeen, fc.integer({ min: 1, max: 30 }), (seen, count) => {
          const answer = learnerAfter(new Array<Seen>(count).fill(seen), strategy).predict(seen.features)
          if (answer !== undefined) expect(answer / seen.need).toBeCloseTo(1, 9)
        }),
        { numRuns: 100 },
      )
    })

    test('the unit of the need does not matter', () => {
      fc.assert(
        fc.property(anyHistory, anySeen, fc.constantFrom(1e-3, 8, 1024), (history, { features }, unit) => {
          const before = learnerAfter(history, strategy).predict(features)
          const scaled = history.map((seen) => ({ ...seen, need: seen.need * unit }))
          const after = learnerAfter(scaled, strategy).predict(features)
          expect(after === undefined).toBe(before === undefined)
          if (before !== undefined && after !== undefined) expect(after / (before * unit)).toBeCloseTo(1, 6)
        }),
        { numRuns: 100 },
      )
    })
  })
}
