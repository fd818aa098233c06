import type { DimensionModel } from './dimension-model.ts'
import type { Member } from './expert.ts'

/** Probability with which it is said of a task whose needs follow one law, by the bound below: far less often in fact. */
const level = 1e-3
/** Residuals below are too few to tell. */
const fewest = 12

/**
 * Whether the law that a task's needs follow has changed among the executions retained: whether early residuals of the
 * best strategy that counts all executions alike differ from late ones. An execution beyond the inputs before it says
 * nothing: there a change cannot be told from the law.
 * Source: A. N. Pettitt, "A Non-parametric Approach to the Change-point Problem", Appl. Statist. 28(2), 1979.
 */
export function needsChange(model: DimensionModel): boolean {
  const { changeTest: known, executions } = model
  if (known?.executions === executions.count) return known.hasChanged
  const hasChanged = pettitt(model)
  model.changeTest = { executions: executions.count, hasChanged }
  return hasChanged
}

function pettitt(model: DimensionModel): boolean {
  const reference = bestOfAlike(model.members)
  if (reference === undefined) return false
  const ranks = ranksInTime(reference, withinInputsBefore(model))
  const n = ranks.length
  if (n < fewest) return false
  let sum = 0
  let most = 0
  for (let t = 1; t < n; t++) {
    sum += ranks[t - 1] as number
    most = Math.max(most, Math.abs(2 * sum - t * (n + 1)))
  }
  return 2 * Math.exp((-6 * most * most) / (n ** 3 + n * n)) < level
}

function bestOfAlike(members: readonly Member[]): Member | undefined {
  let best: Member | undefined
  for (const member of members) {
    if (!member.countsAllAlike || member.residuals.count < fewest) continue
    if (best === undefined || slowScore(member) > slowScore(best)) best = member
  }
  return best
}

/** Of the expert that forgets slowly. */
const slowScore = ({ scores }: Member): number => scores[0] as number

/** By execution, whether its most informative feature lies between those of the executions before it. */
function withinInputsBefore({
  column,
  executions,
}: Pick<DimensionModel, 'column' | 'executions'>): readonly boolean[] {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  return executions.points.map(({ logs }) => {
    const x = column === undefined ? undefined : logs[column]
    if (x === undefined) return true
    const isWithin = x >= low && x <= high
    low = Math.min(low, x)
    high = Math.max(high, x)
    return isWithin
  })
}

/** Residuals that differ by less, of a logarithm, are equal. */
const tie = 1e-6

/** Ranks of the residuals, oldest execution first; equal ones share theirs. */
function ranksInTime(
  { residuals: { values, execution, count } }: Member,
  isKept: readonly boolean[],
): readonly number[] {
  const ranks = new Array<number>(isKept.length).fill(0)
  const kept: number[] = []
  for (let i = 0; i < count; i++) if (isKept[execution[i] as number]) kept.push(i)
  let from = 0
  while (from < kept.length) {
    const value = values[kept[from] as number] as number
    let to = from
    while (to + 1 < kept.length && (values[kept[to + 1] as number] as number) - value < tie) to++
    for (let i = from; i <= to; i++) ranks[execution[kept[i] as number] as number] = (from + to) / 2 + 1
    from = to + 1
  }
  return ranks.filter((rank) => rank > 0)
}
