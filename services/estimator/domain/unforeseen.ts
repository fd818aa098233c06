import { type Atoms, atoms } from './atoms.ts'
import type { Distribution } from './distribution.ts'

/** What no execution so far has shown: a need beyond the largest. */
export interface Unforeseen {
  /** Probability that it happens. */
  readonly chance: number
  /** Largest need seen: from there the chance falls with the square of the amount. */
  readonly largest: number
}

/** Of the chance that the next is the largest of all, what the mixture does not foresee. */
const unforeseenShare = 0.42

/**
 * After n executions, or n tasks, the next is the largest of all with probability 1 / (n + 1), if their order means
 * nothing: some of that lies beyond what any model makes of the n.
 */
export const unforeseenAfter = (n: number, largest: number): Unforeseen => ({
  chance: unforeseenShare / (n + 1),
  largest,
})

/** Probability that an unforeseen need is above `amount`. */
export const chanceAbove = ({ chance, largest }: Unforeseen, amount: number): number =>
  chance * (amount <= largest ? 1 : (largest / amount) ** 2)

/** Steps of that probability: so many times the largest suffice… */
const steps = [1.25, 1.6, 2.1, 3, 5, 10] as const
/** …for those that the steps before do not. The last stands for all beyond. */
const stepWeights = steps.map(
  (step, i) => 1 / (steps[i - 1] ?? 1) ** 2 - (i === steps.length - 1 ? 0 : 1 / step ** 2),
)
const logSteps = steps.map(Math.log)

let made: Atoms = atoms(0)

/** The distribution with what is unforeseen in it. Valid until the next one is made. */
export function withUnforeseen(d: Distribution, { chance, largest }: Unforeseen): Distribution {
  const most = d.size + steps.length
  if (made.at.length < most) made = atoms(2 * most)
  const { at, weights: below, times: spent } = made
  const from = Math.log(largest)
  const foreseen = 1 - chance
  let size = 0
  let known = 0
  let passed = 0
  let step = 0
  while (known < d.size || step < steps.length) {
    const next = step < steps.length ? from + (logSteps[step] as number) : Number.POSITIVE_INFINITY
    const isKnown = known < d.size && (d.atoms[known] as number) <= next
    const x = isKnown ? (d.atoms[known++] as number) : next
    if (x === next) passed += stepWeights[step++] as number
    at[size] = x
    below[size] = known > 0 ? (d.below[known - 1] as number) * foreseen + passed * chance : passed * chance
    spent[size] = known > 0 ? (d.spent[known - 1] as number) * foreseen + passed * chance : passed * chance
    size++
  }
  below[size - 1] = 1
  spent[size - 1] = 1
  return { size, atoms: at, below, spent }
}
