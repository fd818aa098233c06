import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Appetite, appetiteOf, balanced } from '../../../services/estimator/domain/appetite.ts'
import { highestBound, noteBound, settleBounds } from '../../../services/estimator/domain/bounds-below.ts'
import {
  calibrated,
  calibration,
  observeRank,
  rawFor,
} from '../../../services/estimator/domain/calibration.ts'
import {
  type Distribution,
  meanNeed,
  peakAtoms,
  peakWeights,
  probability,
  quantile,
  slice,
} from '../../../services/estimator/domain/distribution.ts'
import { encoder, labelRelevance, relevance } from '../../../services/estimator/domain/encoding.ts'
import { nextRung } from '../../../services/estimator/domain/escalation.ts'
import type { Outlook, Stakes } from '../../../services/estimator/domain/expected-cost.ts'
import { headroom } from '../../../services/estimator/domain/headroom.ts'
import { around } from '../../../services/estimator/domain/mixture.ts'
import { covering, type Need, sufficient } from '../../../services/estimator/domain/need.ts'
import { neighbourhood } from '../../../services/estimator/domain/neighbours.ts'
import { leaning, note, residuals } from '../../../services/estimator/domain/residuals.ts'
import { nearness, recall, recollection } from '../../../services/estimator/domain/views.ts'

const share = fc.double({ min: 0, max: 1, noNaN: true })
const residual = fc.oneof(fc.constantFrom(0, 0.1, -0.1, 5), fc.double({ min: -30, max: 30, noNaN: true }))
const weight = fc.double({ min: 0.01, max: 100, noNaN: true })
const anyPoints = fc.array(fc.tuple(residual, weight), { minLength: 1, maxLength: 96 })
const anyDistribution = fc
  .tuple(anyPoints, fc.double({ min: 0, max: 30, noNaN: true }))
  .map(([points, shift]) => around(points, shift))

/** All atoms of a distribution in order, slice by slice: their needs, and P(need ≤ each). */
function sorted(d: Distribution): { readonly needs: readonly number[]; readonly below: readonly number[] } {
  const slices = Array.from({ length: d.size }, (_, index) => {
    const { atoms, below, count } = slice(d, index)
    return { atoms: [...atoms.subarray(0, count)], below: [...below.subarray(0, count)] }
  })
  return {
    needs: slices.flatMap(({ atoms }) => atoms.map(Math.exp)),
    below: slices.flatMap(({ below }) => below),
  }
}

/** The same by itself: every residual's and every prior's atoms, sorted; equal ones are one. */
function sortedPlainly({ parts, priors, shares, total }: Distribution) {
  const weights = new Map<number, number>()
  const add = (at: number, weight: number) => weights.set(at, (weights.get(at) ?? 0) + weight / total)
  for (const { residuals, shift } of parts)
    for (let i = 0; i < residuals.count; i++)
      for (const [j, atom] of leaning.atoms.entries()) {
        const share = (shares[i] ?? 0) - (shares[i - 1] ?? 0)
        const at = shift + (residuals.values[i] ?? 0) + atom * (residuals.widths[i] ?? 0)
        add(at, share * (leaning.weights[j] ?? 0))
      }
  for (const { shift, scale, share } of priors)
    for (const [j, atom] of peakAtoms.entries()) add(shift + scale * atom, share * (peakWeights[j] ?? 0))
  const atoms = [...weights].sort(([a], [b]) => a - b)
  let sum = 0
  return { needs: atoms.map(([at]) => Math.exp(at)), below: atoms.map(([, weight]) => (sum += weight)) }
}

const anyAmount = fc.double({ min: -5, max: 60, noNaN: true }).map(Math.exp)

describe('residuals', () => {
  test('only the set matters: in whatever order they come, values and widths are the same', () => {
    fc.assert(
      fc.property(fc.uniqueArray(residual, { minLength: 1, maxLength: 96 }), fc.integer(), (values, seed) => {
        const some = residuals()
        const other = residuals()
        for (const value of values) note(some, value, 0)
        const shuffled = [...values].sort((a, b) => Math.sin(a * seed + 1) - Math.sin(b * seed + 1))
        for (const value of shuffled) note(other, value, 0)
        expect(other.values.slice(0, other.count)).toEqual(some.values.slice(0, some.count))
        expect(other.widths.slice(0, other.count)).toEqual(some.widths.slice(0, some.count))
      }),
    )
  })

  test('widths grow no faster than distances: whatever is added of them leaves the order', () => {
    fc.assert(
      fc.property(fc.array(residual, { minLength: 1, maxLength: 96 }), (values) => {
        const all = residuals()
        for (const [origin, value] of values.entries()) note(all, value, origin)
        for (const atom of leaning.atoms) {
          const places = all.values.slice(0, all.count).map((value, i) => value + atom * (all.widths[i] ?? 0))
          for (const [i, place] of places.entries()) {
            expect(place).toBeGreaterThanOrEqual((places[i - 1] ?? place) - 1e-12)
          }
        }
      }),
    )
  })
})

describe('a distribution', () => {
  test('put in order slice by slice is what it is when all is sorted at once', () => {
    fc.assert(
      fc.property(anyDistribution, (distribution) => {
        const [some, all] = [sorted(distribution), sortedPlainly(distribution)]
        expect(some.needs).toEqual(all.needs)
        for (const [i, share] of all.below.entries()) expect(some.below[i]).toBeCloseTo(share, 9)
      }),
    )
  })

  test('is ascending, adds up to one, and its quantiles and probabilities are each other’s inverse', () => {
    fc.assert(
      fc.property(anyDistribution, share, (distribution, q) => {
        const { needs, below } = sorted(distribution)
        expect(needs).toEqual(needs.toSorted((a, b) => a - b))
        expect(below).toEqual(below.toSorted((a, b) => a - b))
        expect(below.at(-1)).toBe(1)
        expect(quantile(distribution, q)).toBe(needs[below.findIndex((share) => share >= q)])
        expect(probability(distribution, quantile(distribution, q))).toBeGreaterThanOrEqual(q)
      }),
    )
  })

  test('gives more to more, nothing to nothing, and everything to enough', () => {
    fc.assert(
      fc.property(anyDistribution, anyAmount, anyAmount, (distribution, a, b) => {
        const [less, more] = [
          probability(distribution, Math.min(a, b)),
          probability(distribution, Math.max(a, b)),
        ]
        expect(less).toBeLessThanOrEqual(more)
        expect(probability(distribution, 0)).toBe(0)
        expect(probability(distribution, Number.MAX_VALUE)).toBe(1)
      }),
    )
  })

  test('a need too small to be told from zero leaves every probability one', () => {
    const distribution = around(
      [
        [-800, 1],
        [20, 1],
      ],
      0,
    )
    expect(sorted(distribution).needs[0]).toBe(0)
    for (const amount of [5e-324, 1.5, 1e6]) {
      expect(probability(distribution, amount)).toBeGreaterThan(0)
      expect(probability(distribution, amount)).toBeLessThan(1)
    }
  })
})

describe('headroom', () => {
  /** The same needs, weighed anew. */
  const anyOutlook: fc.Arbitrary<Outlook> = fc
    .tuple(
      fc.array(fc.tuple(residual, weight, weight), { minLength: 1, maxLength: 96 }),
      fc.double({ min: 0, max: 30, noNaN: true }),
    )
    .map(([points, shift]) => ({
      need: around(
        points.map(([at, often]) => [at, often] as const),
        shift,
      ),
      runtime: around(
        points.map(([at, , long]) => [at, long] as const),
        shift,
      ),
    }))

  /** Expected cost of an amount, as its docstring says it. */
  function costsOf({ need, runtime }: Outlook, stakes: Stakes, { price }: Appetite) {
    const { needs, below } = sorted(need)
    const spent = sorted(runtime).below
    const typical = meanNeed(need)
    const { failurePrice, restartPrice, restartAmount } = stakes
    const fine = price * (failurePrice * typical + restartPrice * Math.max(typical, restartAmount))
    const at = (amount: number) => needs.findLastIndex((one) => one <= amount)
    const failing = (amount: number) => 1 - (spent[at(amount)] ?? 0)
    return (amount: number) => {
      const [fails, retry] = [failing(amount), nextRung(stakes.largest, amount)]
      const first = amount * (1 - fails) + fails * amount * stakes.timeToFailure
      const again = fails > 0 ? failing(retry) : 0
      return first + fails * retry + 2 * retry * again + (1 - (below[at(amount)] ?? 0)) * fine
    }
  }

  const anyStakes = fc.record({
    timeToFailure: share,
    failurePrice: fc.double({ min: 0.1, max: 10, noNaN: true }),
    restartPrice: fc.double({ min: 0, max: 3, noNaN: true }),
    restartAmount: fc.oneof(fc.constant(0), anyAmount),
    largest: fc.oneof(fc.constant(0), anyAmount),
  })

  test('is one of the needs held possible, and no smaller for a larger appetite for safety', () => {
    fc.assert(
      fc.property(anyOutlook, anyStakes, share, share, (outlook, stakes, a, b) => {
        const at = (risk: number) => {
          const appetite = appetiteOf({ risk })
          return headroom(outlook, stakes, appetite, 1 - appetite.acceptable)
        }
        expect(sorted(outlook.need).needs).toContain(at(a))
        expect(at(Math.min(a, b))).toBeLessThanOrEqual(at(Math.max(a, b)))
      }),
    )
  })

  test('costs no more than any other need held possible', () => {
    fc.assert(
      fc.property(anyOutlook, anyStakes, (outlook, stakes) => {
        const appetite = { ...balanced, floor: 0, tolerance: 0 }
        const cost = costsOf(outlook, stakes, appetite)
        const given = cost(headroom(outlook, stakes, appetite, 0.97))
        for (const need of sorted(outlook.need).needs)
          expect(given).toBeLessThanOrEqual(cost(need) * (1 + 1e-6))
      }),
    )
  })

  test('goes above the cheapest only so as to fail less often, as far as is tolerated', () => {
    fc.assert(
      fc.property(anyOutlook, anyStakes, share, share, (outlook, stakes, tolerance, rarely) => {
        const cautious = { ...balanced, tolerance }
        const cheapest = headroom(outlook, stakes, { ...cautious, tolerance: 0 }, rarely)
        const given = headroom(outlook, stakes, cautious, rarely)
        const cost = costsOf(outlook, stakes, cautious)
        expect(given).toBeGreaterThanOrEqual(cheapest)
        expect(cost(given)).toBeLessThanOrEqual(cost(cheapest) * (1 + tolerance) * (1 + 1e-6))
        if (given > cheapest) expect(given).toBeLessThanOrEqual(quantile(outlook.need, rarely))
      }),
    )
  })

  test('gives long runs that need more their weight: what is lost with them is more', () => {
    const [shift, shares] = [Math.log(1e9), Array.from({ length: 20 }, () => 1)]
    const needs = shares.map((_, i) => (i < 16 ? 0.001 * i : 1.5 + 0.001 * i))
    const need = around(
      needs.map((at) => [at, 1] as const),
      shift,
    )
    const long = around(
      needs.map((at, i) => [at, i < 16 ? 1 : 100] as const),
      shift,
    )
    const short = around(
      needs.map((at, i) => [at, i < 16 ? 100 : 1] as const),
      shift,
    )
    const stakes = { timeToFailure: 1, failurePrice: 0.1, restartPrice: 0, restartAmount: 0, largest: 5e9 }
    const at = (runtime: Distribution) => headroom({ need, runtime }, stakes, balanced, 0.5)

    expect(at(long)).toBeGreaterThan(4e9)
    expect(at(short)).toBeLessThan(1.5e9)
  })

  test('leaves a rare outlier to the retry, and covers what is usual', () => {
    const usual = Array.from({ length: 40 }, (_, i) => [0.001 * i, 1] as const)
    const need = around([...usual, [5, 1]], Math.log(1e9))
    const largest = 1e9 * Math.exp(5)
    const stakes = { timeToFailure: 1, failurePrice: 0.5, restartPrice: 0, restartAmount: 0, largest }
    const given = headroom({ need, runtime: need }, stakes, balanced, 1 - balanced.acceptable)

    expect(given).toBeGreaterThan(1.03e9)
    expect(given).toBeLessThan(2e9)
  })

  test('after a failure comes the largest need seen, and beyond it ever longer steps', () => {
    expect(nextRung(8, 4)).toBeCloseTo(8.4, 12)
    const steps = [1, 2, 3].map((failures) => nextRung(8, 10, failures) / 10)
    expect(steps).toEqual([...steps].sort((a, b) => a - b))
    expect(steps[0]).toBeGreaterThan(1)
  })
})

describe('calibration', () => {
  test('is the identity while nothing is known, monotone always, and within 0 and 1', () => {
    fc.assert(
      fc.property(fc.array(share, { maxLength: 96 }), share, share, (ranks, a, b) => {
        const record = calibration()
        expect(calibrated(record, a)).toBeCloseTo(a, 12)
        for (const rank of ranks) observeRank(record, rank)
        const [less, more] = [calibrated(record, Math.min(a, b)), calibrated(record, Math.max(a, b))]
        expect(0 <= less && less <= more && more <= 1).toBe(true)
      }),
    )
  })

  test('says which raw probability is corrected to a wanted one, and none less is', () => {
    fc.assert(
      fc.property(fc.array(share, { maxLength: 96 }), share, share, (ranks, wanted, below) => {
        const record = calibration()
        for (const rank of ranks) observeRank(record, rank)
        const raw = rawFor(record, wanted)
        if (raw < 1) expect(calibrated(record, raw)).toBeGreaterThanOrEqual(wanted - 1e-9)
        if (raw > 1e-9)
          expect(calibrated(record, below * raw * (1 - 1e-6))).toBeLessThanOrEqual(wanted + 1e-9)
      }),
    )
  })

  test('learns that what was called 90 % sure came true in half of the cases', () => {
    const record = calibration()
    for (let i = 0; i < 90; i++) observeRank(record, i % 2 === 0 ? 0.5 : 0.95)

    expect(calibrated(record, 0.9)).toBeGreaterThan(0.45)
    expect(calibrated(record, 0.9)).toBeLessThan(0.65)
  })
})

describe('confidence in an amount', () => {
  const anyNeed: fc.Arbitrary<Need> = fc.record({
    distribution: anyDistribution,
    calibration: fc.constant(undefined),
    above: fc.oneof(fc.constant(0), anyAmount),
    unforeseen: fc.record({ chance: share, largest: anyAmount }),
  })

  test('grows with the amount, and is none at or below what is known not to suffice', () => {
    fc.assert(
      fc.property(anyNeed, anyAmount, anyAmount, (need, a, b) => {
        const [less, more] = [sufficient(need, Math.min(a, b)), sufficient(need, Math.max(a, b))]
        expect(less).toBeLessThanOrEqual(more + 1e-12)
        expect(less >= 0 && more <= 1).toBe(true)
        if (need.above > 0) expect(sufficient(need, need.above)).toBe(0)
      }),
    )
  })

  test('reaches any target below one at the amount that is said to cover it', () => {
    fc.assert(
      fc.property(anyNeed, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (need, target) => {
        const fresh = { ...need, above: 0 }
        expect(sufficient(fresh, covering(fresh, target))).toBeGreaterThanOrEqual(target)
      }),
    )
  })

  test('is lower the fewer executions there were', () => {
    const distribution = around([[0, 1]], Math.log(1e9))
    const confidenceAfter = (executions: number) =>
      sufficient(
        {
          distribution,
          calibration: undefined,
          above: 0,
          unforeseen: { chance: 1 / executions, largest: 1e9 },
        },
        1e9,
      )
    expect(confidenceAfter(1)).toBeLessThan(confidenceAfter(2))
    expect(confidenceAfter(2)).toBeLessThan(confidenceAfter(50))
  })
})

describe('what killed attempts exceeded', () => {
  test('is kept until the execution comes back, and fades while it does not', () => {
    const bounds: Parameters<typeof noteBound>[0] = []
    noteBound(bounds, 4)
    noteBound(bounds, 6)
    expect(highestBound(bounds)).toBe(6)

    settleBounds(bounds, 8, 2)
    expect(bounds.map(({ bound }) => bound)).toEqual([4])
    for (let i = 0; i < 20; i++) settleBounds(bounds, 1, 1)
    expect(highestBound(bounds)).toBe(0)
  })

  test('is bounded, however many are killed', () => {
    const bounds: Parameters<typeof noteBound>[0] = []
    for (let i = 0; i < 1000; i++) noteBound(bounds, i)
    expect(bounds.length).toBeLessThanOrEqual(16)
    expect(highestBound(bounds)).toBe(999)
  })
})

describe('what tells most of a need', () => {
  test('is the feature that goes with it, however noisy others are', () => {
    const columns = encoder()
    const telling = relevance()
    for (let i = 1; i <= 30; i++) {
      const features = { noise: Math.sin(i * 99) + 2, size: i * 1e6 }
      telling.observe(columns.encode(features, {}, true), 1e8 + 3e6 * i)
    }
    const point = columns.encode({ noise: 7, size: 1e6 }, {}, false)

    expect(point.values[telling.best()]).toBe(1e6)
  })

  test('among labels is the one whose values part the needs; a name that never repeats tells nothing', () => {
    const telling = labelRelevance()
    for (let i = 0; i < 40; i++) {
      const labels = { sample: `s${i}`, queue: 'batch', genome: i % 2 === 0 ? 'human' : 'yeast' }
      telling.observe(labels, i % 2 === 0 ? 4e9 : 1e9)
    }
    expect(telling.best()).toBe('genome')
  })

  test('finds the five nearest, of equals the latest first, as going through all would', () => {
    const anyInput = fc.option(fc.constantFrom(0, 1, 2, 5, 9, 1e6), { nil: undefined })
    fc.assert(
      fc.property(fc.array(anyInput, { maxLength: 60 }), anyInput, (inputs, asked) => {
        const columns = encoder()
        columns.encode({ size: 1 }, {}, true)
        const pointOf = (size: number | undefined) =>
          columns.encode(size === undefined ? {} : { size }, {}, false)
        const held = recollection()
        const { find } = neighbourhood(held)
        for (const [i, size] of inputs.entries())
          recall(held, { point: pointOf(size), need: i + 1, runtime: 1, slow: 1, fast: 1 })
        const point = pointOf(asked)
        const distance = (i: number) =>
          Math.abs((held.points[i]?.logs[0] ?? Number.NaN) - (point.logs[0] ?? Number.NaN))
        const all = [...inputs.keys()].filter((i) => !Number.isNaN(distance(i)))
        const nearest = all.sort((a, b) => distance(a) - distance(b) || b - a).slice(0, 5)

        const { count, needs, distances } = find(0, point)
        expect([...needs.subarray(0, count)]).toEqual(nearest.map((i) => i + 1))
        expect([...distances.subarray(0, count)]).toEqual(nearest.map(distance))
      }),
    )
  })

  test('makes executions near or far: nearest where it is the same', () => {
    const columns = encoder()
    const held = recollection()
    for (let i = 0; i < 20; i++) {
      const point = columns.encode({ size: i }, {}, true)
      recall(held, { point, need: 1, runtime: 1, slow: 1, fast: 1 })
    }
    const near = new Float64Array(20)
    const query = columns.encode({ size: 5 }, {}, false)

    expect(nearness(held, 0, undefined, query, near)).toBe(true)
    expect(near[5]).toBe(1)
    expect(near[6]).toBeLessThanOrEqual(near[5] as number)
    expect(near[19]).toBeLessThan(near[6] as number)
    expect(Math.min(...near)).toBeGreaterThan(0)
  })
})
