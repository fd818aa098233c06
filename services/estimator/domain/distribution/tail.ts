import type { AlikeInSize } from '../history/alike-in-size.ts'
import { atoms } from './atoms.ts'
import type { Distribution } from './distribution.ts'
import type { DistributionWorkspace } from './workspace.ts'

/** A need above the largest that there should be. */
export interface PowerTail {
  /** Probability that it happens. */
  readonly chance: number
  /** From there the chance falls with the square of the amount (Pareto, exponent 2). */
  readonly largest: number
}

/** The tail beyond what was seen: a need above the largest of all executions so far. */
export interface Tail extends PowerTail {
  /** How far above it an amount may lie, as a logarithm. */
  readonly room: number
}

/** Of the chance that the next is the largest of all, what the mixture does not cover… */
const uncoveredShare = 0.42
/** …and where the most informative feature is known: what is large since its input is large is covered. */
const uncoveredShareKnown = 0.25

/**
 * After n executions, or n tasks, the next is the largest of all with probability 1 / (n + 1), if they are exchangeable:
 * some of that lies beyond what any model makes of the n.
 */
export const tailAfter = (
  n: number,
  largest: number,
  isFeatureKnown = false,
  spread = usualSpread,
): Tail => ({
  chance: (isFeatureKnown ? uncoveredShareKnown : uncoveredShare) / (n + 1),
  largest,
  room: roomAfter(n, spread),
})

/** The fewer executions are as large as a query, the fewer say what it needs: so many drawn from all are not alike in size. */
const drawn = 3

/**
 * Of m executions alike in size and one more, that one needs the most with probability 1 / (m + 1), and the less likely the more of
 * them are at least as large. That counts where few of many are alike: few in all are what `tailAfter` is for.
 */
export const tailAmong = ({ executions, alike, asLarge }: AlikeInSize, largest: number): PowerTail => ({
  chance: ((executions - alike) / (executions + 1)) ** drawn / ((alike + 1) * (asLarge + 1)),
  largest,
})

/** How far, as a logarithm, the largest needs lie apart of a task of which no more is known: with it the tail's exponent is 2. */
export const usualSpread = 0.5

/** What the spread is of the usual, at most 1. */
export const spreadShare = (spread: number): number => Math.min(1, spread / usualSpread)

/** There is room for a largest need that little scatter explains. */
const leastRoom = 0.08

/**
 * How far above the largest need of n an amount may lie, as a logarithm: a factor of 1.8 after one, of 1.16 after a hundred; less
 * where the largest needs lie close together.
 */
export function roomAfter(n: number, spread = usualSpread): number {
  const most = 0.1 + 0.5 / Math.sqrt(n)
  return leastRoom + (most - leastRoom) * spreadShare(spread)
}

/** Probability that a need lies in the tail and above `amount`. */
export const probabilityAbove = ({ chance, largest }: PowerTail, amount: number): number =>
  chance * (amount <= largest ? 1 : (largest / amount) ** 2)

/** The least amount from which on no more than so much of the chance is left. */
export const amountLeaving = (left: number, tail: PowerTail): number =>
  tail.largest * Math.sqrt(tail.chance / left) * (1 + 1e-9)

/** Atoms of the tail, evenly spaced on a log scale. */
const steps = 4

/**
 * The distribution with its tail as far as the room goes: all is short of 1 by what lies beyond, which no amount helps
 * against. The tail begins at the largest need seen, or at the largest predicted where that is less, as it is for a small
 * input. Valid until the workspace is used again.
 */
export function withTail(
  d: Distribution,
  { chance, largest, room }: Tail,
  workspace: DistributionWorkspace,
): Distribution {
  const most = d.size + steps
  if (workspace.tail.at.length < most) workspace.tail = atoms(2 * most)
  const { at, weights: cumulative, times: runtimeShare } = workspace.tail
  const from = Math.min(Math.log(largest), d.atoms[d.size - 1] as number)
  const covered = 1 - chance
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
    cumulative[size] = known > 0 ? (d.cumulative[known - 1] as number) * covered + passed : passed
    runtimeShare[size] = known > 0 ? (d.runtimeShare[known - 1] as number) * covered + passed : passed
    size++
  }
  return { size, atoms: at, cumulative, runtimeShare }
}
