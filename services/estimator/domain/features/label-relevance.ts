import { addValue, type Moments, moments } from '../../../../shared/domain/moments.ts'
import type { Point } from './encoder.ts'

/**
 * Which label explains most of the need: the share of the variance of ln(need) that lies between its values, adjusted
 * for their number (adjusted R² of a one-way analysis of variance).
 * Law: incremental equals batch, for the same order.
 */
export interface LabelRelevance {
  observe(point: Pick<Point, 'labels' | 'labelNames'>, need: number): void
  /** Name of the most informative label; undefined while none explains enough. */
  readonly mostInformative: () => string | undefined
}

/** Moments of ln(need): of all executions with the label, and by its value. */
interface Groups {
  readonly all: Moments
  readonly byValue: Map<string, Moments>
  /** Sum of squared deviations from the mean of the own value. */
  within: number
}

const maxLabels = 16
const leastExplained = 0.1
/** A later label has to explain so much more: labels that say the same must not take turns. */
const leastGain = 0.02

export function labelRelevance(): LabelRelevance {
  const labels = new Map<string, Groups>()
  let best: string | undefined

  function groupsOf(name: string): Groups | undefined {
    const known = labels.get(name)
    if (known !== undefined || labels.size >= maxLabels) return known
    const groups = { all: moments(), byValue: new Map<string, Moments>(), within: 0 }
    labels.set(name, groups)
    return groups
  }

  return {
    observe(point, need) {
      const y = Math.log(need)
      for (const name of point.labelNames) {
        const groups = groupsOf(name)
        if (groups === undefined) continue
        const value = point.labels[name] as string
        const group = groups.byValue.get(value) ?? moments()
        groups.byValue.set(value, group)
        addValue(groups.all, y)
        groups.within += addValue(group, y)
      }
      best = mostInformativeOf(labels)
    },
    mostInformative: () => best,
  }
}

function mostInformativeOf(labels: ReadonlyMap<string, Groups>): string | undefined {
  let best: string | undefined
  let bestExplained = leastExplained
  for (const [name, { all, within, byValue }] of labels) {
    const degreesOfFreedom = all.count - byValue.size
    if (byValue.size < 2 || degreesOfFreedom < 3 || !(all.squares > 1e-9)) continue
    const explained = 1 - within / degreesOfFreedom / (all.squares / (all.count - 1))
    if (!(explained > bestExplained + leastGain)) continue
    bestExplained = explained
    best = name
  }
  return best
}
