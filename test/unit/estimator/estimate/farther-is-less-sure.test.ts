import { describe, expect, test } from 'vitest'
import { execution, profileOf } from '../../../support/histories.ts'
import { confidenceOf, estimateOf, evidenceOfTask, learned, queryOf } from '../../../support/queries.ts'

/**
 * The law of confidence beyond the range: the same amount is no surer of a query that is farther along any feature, from the edge of
 * its range on, wherever the others are; and the same confidence takes no less.
 */
type Features = Readonly<Record<string, number>>

/** Megabytes. `c` is 1 where there are two features. */
const laws: Readonly<Record<string, (a: number, b: number, c: number) => number>> = {
  'a sum': (a, b, c) => 50 + 2 * a + 5 * b + c,
  'a sum of a root': (a, b) => 10 + 30 * Math.sqrt(a) + b,
  'a product': (a, b, c) => a * b * c,
  'a product beside a fixed part': (a, b) => 1000 + a * b,
  'one of them': (a) => 20 + 3 * a,
  'one, less with the other': (a, b) => 50 + (100 * a) / b,
  neither: () => 500,
}

/** A task of which each feature lies between 1 and 100, on its own or, `together`, b as a, hardly scattered. */
function taskOf(
  needOf: (typeof laws)[string],
  { names, count, scatter, together }: Case,
): { readonly largest: Features; readonly confidence: Asked; readonly amount: Asked } {
  const steps = [0.7548776662, 0.569840291, 0.3819660113]
  const history = Array.from({ length: count }, (_, i) => {
    const [a = 1, b = 1, c = 1] = steps.map((step) => 100 ** ((i * step + count / 10) % 1))
    const all: Features = { a, b: together ? a * (1 + 0.1 * Math.sin(i)) : b, c: names.includes('c') ? c : 1 }
    const features = Object.fromEntries(names.map((name) => [name, all[name] as number]))
    const need = needOf(all['a'] as number, all['b'] as number, all['c'] as number)
    const used = { memoryBytes: 1e6 * need * (1 + scatter * Math.sin(i * 99)) }
    return execution(`e${i}`, { features, used })
  })
  const evidence = evidenceOfTask(learned(profileOf(history)))
  const largest = Object.fromEntries(
    names.map((name) => [name, Math.max(...history.map(({ features }) => features[name] ?? 0))]),
  )
  const atEdge = Math.max(...history.map(({ used }) => used.memoryBytes ?? 0))
  return {
    largest,
    confidence: (features, times) =>
      confidenceOf(queryOf({ features }), { memoryBytes: times * atEdge }, evidence).confidence,
    amount: (features, targetCoverage) =>
      estimateOf(queryOf({ features, policy: { targetCoverage } }), evidence).resources.memoryBytes ?? 0,
  }
}

interface Case {
  readonly names: readonly string[]
  readonly count: number
  readonly scatter: number
  readonly together: boolean
}
type Asked = (features: Features, of: number) => number

/** Of each feature, how many times its largest value. */
type Place = readonly number[]

const within = 0.3
/** From here on every feature counts as beyond its range. */
const surelyBeyond = 1.05

/** All pairs of places of which the second is one step farther along one feature, from its edge on. */
function steps(features: number, times: readonly number[]): readonly (readonly [near: Place, far: Place])[] {
  let places: Place[] = [[]]
  for (let i = 0; i < features; i++)
    places = places.flatMap((place) => [within, ...times].map((one) => [...place, one]))
  return places.flatMap((near) =>
    near.flatMap((value, i) => {
      const next = value === within ? undefined : times[times.indexOf(value) + 1]
      return next === undefined ? [] : [[near, near.with(i, next)] as const]
    }),
  )
}

function expectNoRise(of: Case, needOf: (typeof laws)[string], times: readonly number[]): void {
  const { largest, confidence, amount } = taskOf(needOf, of)
  const at = (place: Place): Features =>
    Object.fromEntries(of.names.map((name, i) => [name, (largest[name] as number) * (place[i] as number)]))
  const known = new Map<string, number>()
  const asked = (what: Asked, place: Place, value: number) => {
    const key = `${what === amount}/${value}/${place.join()}`
    const answer = known.get(key) ?? what(at(place), value)
    known.set(key, answer)
    return answer
  }
  for (const [near, far] of steps(of.names.length, times)) {
    const place = `from ${near.join(' and ')} to ${far.join(' and ')} times the largest`
    for (const value of [0.3, 1, 3]) {
      const rise = asked(confidence, far, value) - asked(confidence, near, value)
      expect(rise, `${place}, ${value} times the largest need`).toBeLessThanOrEqual(1e-9)
    }
    if (!near.some((value) => value > surelyBeyond)) continue
    const fall = asked(amount, near, 0.8) / asked(amount, far, 0.8) - 1
    expect(fall, `${place}, the amount of 0.8`).toBeLessThanOrEqual(1e-3)
  }
}

describe.each(Object.entries(laws))('a need that goes with %s', (_, needOf) => {
  const names = ['a', 'b']
  const times = [1, 1 + 1e-9, 1.0001, 1.06, 1.5, 10, 100]

  test.each([
    [8, 0.2],
    [20, 0],
    [60, 0.1],
  ])('of two features, after %d executions', (count, scatter) => {
    expectNoRise({ names, count, scatter, together: false }, needOf, times)
  })

  test('of two features that nearly say the same', () => {
    expectNoRise({ names, count: 20, scatter: 0.1, together: true }, needOf, times)
  })

  test('of three features', () => {
    const three = { names: [...names, 'c'], count: 30, scatter: 0.1, together: false }
    expectNoRise(three, needOf, [1, 1.5, 100])
  })
})
