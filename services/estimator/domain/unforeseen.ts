import { type Atoms, atoms } from './atoms.ts'
import type { Distribution } from './distribution.ts'

/** What no execution so far has shown: a need beyond the largest. */
export interface Unforeseen {
  /** Probability that it happens. */
  readonly chance: number
  /** Largest need seen: from there the chance falls with the square of the amount. */
  readonly largest: number
  /** How far above it an amount may lie, as a logarithm. */
  readonly room: number
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
  room: roomAfter(n),
})

/** How far above the largest need of n an amount may lie, as a logarithm: a factor of 1.8 after one, of 1.16 after a hundred. */
export const roomAfter = (n: number): number => 0.1 + 0.5 / Math.sqrt(n)

/** Probability that an unforeseen need is above `amount`. */
export const chanceAbove = ({ chance, largest }: Unforeseen, amount: number): number =>
  chance * (amount <= largest ? 1 : (largest / amount) ** 2)

/** Amounts in the room, alike far apart. */
const steps = 4

let made: Atoms = atoms(0)

/**
 * The distribution with what is unforeseen in it as far as the room goes: all is short of 1 by what lies beyond, which no
 * amount helps against. It begins at the largest need seen, or at the largest foreseen where that is less, as it is for a
 * small input. Valid until the next one is made.
 */
export function withUnforeseen(d: Distribution, { chance, largest, room }: Unforeseen): Distribution {
  const most = d.size + steps
  if (made.at.length < most) made = atoms(2 * most)
  const { at, weights: below, times: spent } = made
  const from = Math.min(Math.log(largest), d.atoms[d.size - 1] as number)
  const foreseen = 1 - chance
  let size = 0
  let known = 0
  let step = 1
  let passed = 0
  while (known < d.size || step <= steps) {
    const next = step <= steps ? from + (room * step) / steps : Number.POSITIVE_INFINITY
    const isKnown = known < d.size && (d.atoms[known] as number) <= next
    const x = isKnown ? (d.atoms[known++] as number) : next
    if (x === next) passed = chance * (1 - Math.exp((-2 * room * step++) / steps))
    at[size] = x
    below[size] = known > 0 ? (d.below[known - 1] as number) * foreseen + passed : passed
    spent[size] = known > 0 ? (d.spent[known - 1] as number) * foreseen + passed : passed
    size++
  }
  return { size, atoms: at, below, spent }
}
