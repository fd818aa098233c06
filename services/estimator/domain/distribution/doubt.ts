import { type Population, shareAbove } from './population.ts'

/**
 * The doubt that beyond the range none of the growth laws holds. It lowers the confidence in an amount; it is no reason to
 * give more.
 */
export interface Doubt {
  /** Chance that the need departs from every law: at most e^`reach` times the largest need seen, of which `from` is the logarithm… */
  readonly departure: number
  readonly from: number
  /** …and that nothing is known of it but what tasks need at all. */
  readonly ignorance: number
  readonly population: Population
}

/** A departure grows more likely with distance ÷ range up to `mostDeparture`, half of which it is at `halfDeparture`… */
const mostDeparture = 0.5
const halfDeparture = 8
/** …and, as ignorance does, with the scatter, half at this one: what varies for no known reason may vary more. */
const halfScatter = 0.03
/** A departure takes a need no farther above the largest seen than this, a logarithm: 12 times. */
const reach = 2.5
/** Where distance ÷ range is this, half of what is known of growth is no longer worth anything. */
const halfIgnorance = 20
/** A range counts as no less, as a logarithm. */
const leastRange = 0.01
/** What a task may need where nothing is known ends at so many medians: 64 GB of memory. */
const mostMedians = 128

/** How far beyond the range, in ranges. `distance`: ln(value / largest value seen); `range`: ln(largest / smallest). */
export const leverageOf = (distance: number, range: number): number => distance / (range + leastRange)

/** `scatter`: of the logarithms of the needs around the likeliest law. `largest`: the largest need seen. */
export function doubtAt(leverage: number, scatter: number, largest: number, population: Population): Doubt {
  const scattered = scatter / (scatter + halfScatter)
  return {
    departure: mostDeparture * (leverage / (leverage + halfDeparture)) * scattered,
    from: Math.log(largest),
    ignorance: (leverage / (leverage + halfIgnorance)) * scattered,
    population,
  }
}

/** What is doubted for several reasons is doubted as much as for the one that says most. */
export const mostDoubt = (one: Doubt, other: Doubt): Doubt => ({
  ...one,
  departure: Math.max(one.departure, other.departure),
  ignorance: Math.max(one.ignorance, other.ignorance),
})

const mostOf = ({ median }: Population): number => mostMedians * median

/** The least amount that no doubt is cast on. */
export const amountBeyondDoubt = ({ from, population }: Doubt): number =>
  Math.max(Math.exp(from + reach) * (1 + 1e-9), mostOf(population))

/** Probability that the need is above `amount`, against all laws. Law: it falls with the amount, and grows with the distance. */
export function probabilityAgainst(
  { departure, from, ignorance, population }: Doubt,
  amount: number,
): number {
  const above = Math.max(0, Math.log(amount) - from)
  const departs = departure * Math.max(0, 1 - above / reach) ** 2
  const beyondAll = shareAbove(population, mostOf(population))
  const share = shareAbove(population, Math.exp(from + above))
  return Math.max(departs, ignorance * Math.max(0, (share - beyondAll) / (1 - beyondAll)))
}
