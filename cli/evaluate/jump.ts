import type { Forecast } from './metrics.ts'
import { quantileOf } from './metrics.ts'
import type { Pair } from './pair.ts'
import { queryOf, recordOf } from './records.ts'
import type { TraceRow } from './trace.ts'

/** A task split by the size of its input: what is learned, in a shuffled order, and what is asked. */
export interface Split {
  readonly task: string
  readonly learned: readonly TraceRow[]
  /** Beyond all that is learned, the nearest first. */
  readonly asked: readonly TraceRow[]
  /** The input learned that is nearest to those asked. */
  readonly edge: number
}

/** One answer beyond the range. */
export interface Jump extends Forecast {
  readonly task: string
  /** Input ÷ the nearest learned, or that ÷ the input where it is smaller. */
  readonly times: number
  /** Amount given ÷ need. */
  readonly givenShare: number
}

const fewestRows = 40
const mostRows = 400
/** The farthest asked is at least so many times beyond the nearest learned. */
const leastJump = 1.2

/** The smaller and the larger half of every task that has a size, enough executions and a range to jump beyond; one is asked. */
export function splitBySize(
  rows: readonly TraceRow[],
  feature: string,
  askedHalf: 'larger' | 'smaller' = 'larger',
): readonly Split[] {
  const byTask = new Map<string, TraceRow[]>()
  for (const row of rows) {
    if (!row.completed || !(sizeOf(row, feature) > 0) || !((row.peakMemoryBytes ?? 0) > 0)) continue
    byTask.set(row.task, [...(byTask.get(row.task) ?? []), row])
  }
  return [...byTask].flatMap(
    ([task, all]) => splitOf(task, all, feature, askedHalf === 'larger' ? 1 : -1) ?? [],
  )
}

/** `order`: 1 learns the smaller half, −1 the larger. */
function splitOf(task: string, all: readonly TraceRow[], feature: string, order: 1 | -1): Split | undefined {
  if (all.length < fewestRows) return undefined
  const rows = all.toSorted((a, b) => order * (sizeOf(a, feature) - sizeOf(b, feature)))
  const count = Math.min(mostRows, rows.length)
  const some = Array.from(
    { length: count },
    (_, i) => rows[Math.floor((i * rows.length) / count)] as TraceRow,
  )
  const half = count >> 1
  const edge = sizeOf(some[half - 1] as TraceRow, feature)
  if (!(timesBetween(sizeOf(some[count - 1] as TraceRow, feature), edge) > leastJump)) return undefined
  const learned = some
    .slice(0, half)
    .map((row, i) => ({ row, key: Math.sin(i * 999.7) }))
    .sort((a, b) => a.key - b.key)
    .map(({ row }) => row)
  return { task, learned, asked: some.slice(half).filter((row) => sizeOf(row, feature) !== edge), edge }
}

/** At least 1. */
const timesBetween = (a: number, b: number): number => Math.max(a / b, b / a)

const sizeOf = ({ features }: TraceRow, feature: string): number => features[feature] ?? Number.NaN

/** Learns one half of each task, then asks for the other without learning from it. Nothing but the size is known of them. */
export async function jump(splits: readonly Split[], feature: string, pair: Pair): Promise<readonly Jump[]> {
  const onlySize = (row: TraceRow): TraceRow => ({
    ...row,
    features: { [feature]: sizeOf(row, feature) },
    labels: {},
  })
  const jumps: Jump[] = []
  for (const { task, learned, asked, edge } of splits) {
    for (const [i, row] of learned.entries())
      await pair.report(recordOf(onlySize(row), `${task}-${i}`, false))
    for (const row of asked) {
      const [estimate] = await pair.estimate([queryOf(onlySize(row), {}, false)])
      const memory = estimate?.dimensions.find(({ dimension }) => dimension === 'memoryBytes')
      if (memory === undefined || row.peakMemoryBytes === undefined) continue
      jumps.push({
        task,
        times: timesBetween(sizeOf(row, feature), edge),
        givenShare: memory.allocation / row.peakMemoryBytes,
        probability: memory.confidence,
        happened: memory.allocation >= row.peakMemoryBytes,
      })
    }
  }
  return jumps
}

/** Distances from the largest learned, in times of it: above the first, up to the second. */
export const distanceClasses = [
  [1, 1.5],
  [1.5, 3],
  [3, 10],
  [10, undefined],
] as const

/** How the answers of one class of distances turned out. */
export interface JumpScore {
  readonly asked: number
  /** Shares, 0 to 1. */
  readonly sufficed: number
  readonly promised: number
  readonly median_given_per_need: number
}

export interface DistanceScore extends JumpScore {
  readonly above: number
  /** null: no limit. */
  readonly up_to: number | null
}

/** By distance, where there are answers. */
export function scoreByDistance(jumps: readonly Jump[]): readonly DistanceScore[] {
  return distanceClasses.flatMap(([above, upTo]) => {
    const own = jumps.filter(({ times }) => times > above && (upTo === undefined || times <= upTo))
    const score = scoreJumps(own)
    return score === undefined ? [] : { above, up_to: upTo ?? null, ...score }
  })
}

/** Undefined where there are no answers. */
export function scoreJumps(jumps: readonly Jump[]): JumpScore | undefined {
  if (jumps.length === 0) return undefined
  const mean = (of: (jump: Jump) => number) => jumps.reduce((sum, jump) => sum + of(jump), 0) / jumps.length
  const shares = jumps.map(({ givenShare }) => givenShare)
  return {
    asked: jumps.length,
    sufficed: mean(({ happened }) => (happened ? 1 : 0)),
    promised: mean(({ probability }) => probability),
    median_given_per_need: quantileOf(shares, 0.5),
  }
}
