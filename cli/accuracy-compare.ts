import {
  type ArmComparison,
  compareArms,
  fewestCompared,
  type Interval,
} from '../shared/domain/comparison.ts'
import type { AccuracyFigures } from '../shared/domain/profile.ts'
import { formatShare } from './quantity.ts'
import { table } from './table.ts'

interface Arm {
  readonly variant: string
  readonly figures: AccuracyFigures
}

export interface VariantComparison extends ArmComparison {
  readonly variant: string
  readonly baseline: string
  readonly executions: number
  /** `cheaper` and `dearer` where the interval of the cost leaves no doubt, else `undecided`. */
  readonly verdict: 'cheaper' | 'dearer' | 'undecided'
}

/** Every variant against the baseline. `tasks`: the arms that each task has. */
export function compareVariants(
  tasks: readonly (readonly Arm[])[],
  baseline: string,
  width: number | undefined,
): { readonly comparisons: readonly VariantComparison[]; readonly text: string } {
  const variants = [...new Set(tasks.flat().map(({ variant }) => variant))]
    .filter((variant) => variant !== baseline)
    .sort()
  const comparisons = variants.map((variant) => compareOne(tasks, baseline, variant))
  return { comparisons, text: describe(comparisons, baseline, width) }
}

function compareOne(
  tasks: readonly (readonly Arm[])[],
  baseline: string,
  variant: string,
): VariantComparison {
  const find = (arms: readonly Arm[], name: string) => arms.find((arm) => arm.variant === name)?.figures
  const strata = tasks.flatMap((arms) => {
    const [control, other] = [find(arms, baseline), find(arms, variant)]
    return control === undefined || other === undefined ? [] : { control, variant: other }
  })
  const comparison = compareArms(strata)
  const executions = tasks.reduce((sum, arms) => sum + (find(arms, variant)?.weight ?? 0), 0)
  return { variant, baseline, executions, ...comparison, verdict: verdictOf(comparison.costRatio) }
}

function verdictOf(ratio: Interval | undefined): VariantComparison['verdict'] {
  if (ratio === undefined) return 'undecided'
  if (ratio.high < 1) return 'cheaper'
  return ratio.low > 1 ? 'dearer' : 'undecided'
}

function describe(
  comparisons: readonly VariantComparison[],
  baseline: string,
  width: number | undefined,
): string {
  const whom = baseline === '' ? 'what was answered without a variant' : `variant ${baseline}`
  if (comparisons.length === 0) return `There is no variant beside ${whom}.\n`
  const rows = table(
    [
      { title: 'variant', value: ({ variant }) => variant || '–' },
      { title: 'executions', align: 'right', value: ({ executions }) => executions.toFixed(0) },
      { title: 'tasks', align: 'right', value: ({ tasks }) => `${tasks}` },
      {
        title: 'cost',
        align: 'right',
        value: ({ costRatio }) => shown(costRatio, (ratio) => signed(ratio - 1)),
      },
      {
        title: 'sufficed',
        align: 'right',
        value: ({ coverageDifference }) => shown(coverageDifference, signed),
      },
      { title: '', value: ({ verdict }) => verdict },
    ],
    comparisons,
    width,
  )
  return `Against ${whom}, each with the bounds that hold the truth 19 times out of 20.
Cost is what was wasted, runs that were killed included; a task counts once both have ${fewestCompared} executions of it.

${rows}`
}

function shown(interval: Interval | undefined, show: (value: number) => string): string {
  if (interval === undefined) return '–'
  return `${show(interval.value)} (${show(interval.low)} to ${show(interval.high)})`
}

const signed = (share: number) => `${share < 0 ? '−' : '+'}${formatShare(Math.abs(share))}`
