import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encoder, type Point, relevance } from '../../services/estimator/domain/encoding.ts'
import { neighbourhood } from '../../services/estimator/domain/neighbours.ts'
import type { Strategy } from '../../services/estimator/domain/strategy.ts'
import { recall, recollection } from '../../services/estimator/domain/views.ts'

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

/** A strategy in the surroundings that a model gives it. */
function student(strategy: Strategy) {
  const columns = encoder()
  const telling = relevance()
  const held = recollection()
  const { find } = neighbourhood(held)
  const learner = strategy.start({
    primary: telling.best,
    neighbours: (point) => find(telling.best(), point),
  })
  const point = (features: Seen['features'], learn: boolean): Point => columns.encode(features, {}, learn)
  return {
    observe({ features, need }: Seen): void {
      const at = point(features, true)
      learner.observe(at, need)
      recall(held, { point: at, need, runtime: 1, slow: 1, fast: 1 })
      telling.observe(at, need)
    },
    predict: (features: Seen['features']) => learner.predict(point(features, false)),
  }
}

function taught(strategy: Strategy, history: readonly Seen[]) {
  const pupil = student(strategy)
  for (const seen of history) pupil.observe(seen)
  return pupil
}

/** What the ensemble and the breakers rely on in every strategy. */
export function strategyContract(name: string, strategy: Strategy): void {
  describe(name, () => {
    test('has nothing to say of nothing', () => {
      expect(student(strategy).predict({ input_bytes: 1e6 })).toBeUndefined()
    })

    test('says a finite positive number or nothing, whatever it has seen', () => {
      fc.assert(
        fc.property(anyHistory, anySeen, (history, { features }) => {
          const answer = taught(strategy, history).predict(features)
          if (answer !== undefined) expect(answer > 0 && answer < 1e20).toBe(true)
        }),
        { numRuns: 200 },
      )
    })

    test('depends on what it has seen, in order, and on nothing else; being asked changes nothing', () => {
      fc.assert(
        fc.property(anyHistory, anySeen, (history, { features }) => {
          const asked = student(strategy)
          for (const seen of history) {
            asked.predict(seen.features)
            asked.observe(seen)
          }
          expect(asked.predict(features)).toBe(taught(strategy, history).predict(features))
        }),
        { numRuns: 100 },
      )
    })

    test('of equal executions it expects their need', () => {
      fc.assert(
        fc.property(anySeen, fc.integer({ min: 1, max: 30 }), (seen, count) => {
          const answer = taught(strategy, new Array<Seen>(count).fill(seen)).predict(seen.features)
          if (answer !== undefined) expect(answer / seen.need).toBeCloseTo(1, 9)
        }),
        { numRuns: 100 },
      )
    })

    test('the unit of the need does not matter', () => {
      fc.assert(
        fc.property(anyHistory, anySeen, fc.constantFrom(1e-3, 8, 1024), (history, { features }, unit) => {
          const before = taught(strategy, history).predict(features)
          const scaled = history.map((seen) => ({ ...seen, need: seen.need * unit }))
          const after = taught(strategy, scaled).predict(features)
          expect(after === undefined).toBe(before === undefined)
          if (before !== undefined && after !== undefined) expect(after / (before * unit)).toBeCloseTo(1, 6)
        }),
        { numRuns: 100 },
      )
    })
  })
}
