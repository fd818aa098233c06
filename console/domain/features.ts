import { median } from '../../shared/domain/median.ts'
import type { ExecutionRecord } from '../contract/gen/foresize/v1/execution_pb.js'

/** Names of the features that the executions had, the one that orders their needs best first. */
export function featureNames(
  executions: readonly ExecutionRecord[],
  needOf: (execution: ExecutionRecord) => number | undefined,
): readonly string[] {
  const names = new Set(executions.flatMap(({ features }) => Object.keys(features)))
  const strengths = new Map([...names].map((name) => [name, strength(executions, name, needOf)]))
  return [...names].sort((a, b) => (strengths.get(b) ?? 0) - (strengths.get(a) ?? 0) || a.localeCompare(b))
}

/** Of Spearman's rank correlation, without its sign: 0 where nothing varies. */
function strength(
  executions: readonly ExecutionRecord[],
  name: string,
  needOf: (execution: ExecutionRecord) => number | undefined,
): number {
  const pairs = executions.flatMap((execution): readonly (readonly [number, number])[] => {
    const [feature, need] = [execution.features[name], needOf(execution)]
    return feature === undefined || need === undefined ? [] : [[feature, need]]
  })
  return Math.abs(correlation(ranks(pairs.map(([x]) => x)), ranks(pairs.map(([, y]) => y))))
}

/** Equal values share the mean of their ranks. */
function ranks(values: readonly number[]): readonly number[] {
  const sorted = values.toSorted((a, b) => a - b)
  return values.map((value) => (sorted.indexOf(value) + sorted.lastIndexOf(value)) / 2)
}

function correlation(xs: readonly number[], ys: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [xMean, yMean] = [mean(xs), mean(ys)]
  let [xx, yy, xy] = [0, 0, 0]
  for (const [i, x] of xs.entries()) {
    const [dx, dy] = [x - xMean, (ys[i] ?? 0) - yMean]
    xx += dx * dx
    yy += dy * dy
    xy += dx * dy
  }
  return xx === 0 || yy === 0 ? 0 : xy / Math.sqrt(xx * yy)
}

/** What a typical execution had: medians of the features, the most frequent words of the labels. */
export interface TypicalQuery {
  readonly features: Readonly<Record<string, number>>
  readonly labels: Readonly<Record<string, string>>
}

export function typicalQuery(executions: readonly ExecutionRecord[]): TypicalQuery {
  const names = new Set(executions.flatMap(({ features }) => Object.keys(features)))
  const labelNames = new Set(executions.flatMap(({ labels }) => Object.keys(labels)))
  const features = [...names].flatMap((name) => {
    const typical = median(
      executions.map((each) => each.features[name]).filter((value) => value !== undefined),
    )
    return typical === undefined ? [] : [[name, typical] as const]
  })
  const labels = [...labelNames].map((name) => {
    const words = executions.map((each) => each.labels[name]).filter((word) => word !== undefined)
    const counts = [...Map.groupBy(words, (word) => word)].sort(([, a], [, b]) => b.length - a.length)
    return [name, counts[0]?.[0] ?? ''] as const
  })
  return { features: Object.fromEntries(features), labels: Object.fromEntries(labels) }
}

/** How far beyond the largest seen the band of the prediction is drawn. */
const beyond = 2.5

/** Values of a feature over which the prediction is drawn: those seen and some beyond, evenly on their scale. */
export function featureGrid(seen: readonly number[], points = 48): readonly number[] {
  if (seen.length === 0) return []
  const [least, most] = [Math.min(...seen), Math.max(...seen)]
  if (least <= 0) {
    const end = most <= 0 ? 1 : most * beyond
    return Array.from({ length: points }, (_, i) => least + ((end - least) * i) / (points - 1))
  }
  const spreadsWide = most / least > 30
  const [from, to] = [least, most * beyond]
  return Array.from({ length: points }, (_, i) => {
    const share = i / (points - 1)
    return spreadsWide ? from * (to / from) ** share : from + (to - from) * share
  })
}
