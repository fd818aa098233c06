import type { DimensionModel, Track } from './dimension-model.ts'
import type { Point } from './encoding.ts'
import type { Residuals } from './residuals.ts'
import { nearness, type Recollection } from './views.ts'

/** How much each past execution counts for one point: valid until another is asked about. */
export interface Weighting {
  readonly recollection: Recollection
  /** By how near each is; `nearby` false: there is nothing to go by. */
  readonly near: Float64Array
  readonly nearby: boolean
  /** Of the weights by nearness of all executions from a number on, as far as was asked: see `totalsOf`. */
  readonly known: { readonly first: number; readonly sums: Sums }[]
}

export function weightingFor(model: DimensionModel, point: Point): Weighting {
  const { recollection: held } = model
  const { near } = held
  const nearby = nearness(held, model.relevance.best(), model.labelling.best(), point, near)
  return { recollection: held, near, nearby, known: [] }
}

/** Per view: weight of some executions, and how many executions' worth that is: (Σw)² / Σw². */
export type Totals = readonly number[]

/** Of the executions that a strategy has foretold: mostly all from some number on. */
export function totalsOf({ residuals: r, sums }: Track, weighting: Weighting, nearby: boolean): Totals {
  const [slow, fast, slow2, fast2] = sums as unknown as [number, number, number, number]
  const [near, latest, near2, latest2] = nearby ? nearSums(r, weighting) : nothing
  return [
    slow,
    fast,
    near,
    latest,
    worth(slow, slow2),
    worth(fast, fast2),
    worth(near, near2),
    worth(latest, latest2),
  ]
}

type Sums = readonly [number, number, number, number]
const nothing: Sums = [0, 0, 0, 0]

function nearSums(r: Residuals, { recollection, near, known }: Weighting): Sums {
  const { count } = recollection
  if (r.count !== count - r.first) return addUp(recollection, near, r.origin, 0, r.count)
  for (const { first, sums } of known) if (first === r.first) return sums
  const sums = addUp(recollection, near, undefined, r.first, count)
  known.push({ first: r.first, sums })
  return sums
}

function addUp(
  { slow, fast }: Recollection,
  near: Float64Array,
  some: Int32Array | undefined,
  from: number,
  to: number,
): Sums {
  let [s, f, s2, f2] = [0, 0, 0, 0]
  for (let i = from; i < to; i++) {
    const o = some === undefined ? i : (some[i] as number)
    const n = near[o] as number
    const a = (slow[o] as number) * n
    const b = (fast[o] as number) * n
    s += a
    f += b
    s2 += a * a
    f2 += b * b
  }
  return [s, f, s2, f2]
}

const worth = (sum: number, squares: number): number => (squares > 0 ? (sum * sum) / squares : 0)

/** What is believed before there are residuals: Laplace of this scale, in mass worth half an average execution. */
export const priorScale = (executions: number): number => 0.6 / (1 + 0.1 * executions)
const priorExecutions = 0.5

/** Beside executions of this total weight, worth so many executions. */
export const priorMass = (total: number, executions: number): number =>
  executions > 0 ? (priorExecutions * total) / executions : 1
