import { type DimensionEstimate, mostNotices, type Notice } from '../../../../shared/domain/estimate.ts'
import { type Dimension, dimensions } from '../../../../shared/domain/resources.ts'
import { shortfall } from '../../../../shared/domain/shortfall.ts'
import type { DimensionModel } from '../ensemble/dimension-model.ts'
import type { TaskModel } from '../ensemble/task-model.ts'
import type { Point } from '../features/encoder.ts'
import type { NamesSeen } from '../features/names-seen.ts'
import { timesLargestSeen } from '../history/range.ts'
import type { Context } from './context.ts'
import { nearestNames } from './nearest-names.ts'

/**
 * What to know before trusting an answer.
 * Law: a function of the context, as the answer is, but for the nearest names of an unknown task: those depend on which
 * tasks this estimator holds. Where there are too many, names give way to bounds. One place is left for `staleView`.
 */
export function noticesOf(context: Context, answers: readonly DimensionEstimate[]): readonly Notice[] {
  const { evidence, query } = context
  const model = evidence.task?.model
  const bounds = clamped(answers)
  const others =
    model === undefined
      ? unknownTask(context)
      : [
          ...fewExecutions(context, model),
          ...beyondRange(context, model),
          ...namesOf('feature', model.encoder.features, query.features),
          ...namesOf('label', model.encoder.labels, query.labels),
        ]
  return [...others.slice(0, mostNotices - 1 - bounds.length), ...bounds]
}

/** Beside what `noticesOf` says, at the moment of answering. */
export function staleView(stalenessMs: number, staleAfterMs: number): Notice | undefined {
  return stalenessMs > staleAfterMs ? { kind: 'stale-view', number: stalenessMs, nearest: [] } : undefined
}

function unknownTask({ evidence, query }: Context): readonly Notice[] {
  if (evidence.task !== undefined || evidence.isUnreachable) return []
  return [{ kind: 'unknown-task', subject: query.task.task, nearest: evidence.nearestTasks ?? [] }]
}

/** Fewer are said to be few. */
const few = 5

function fewExecutions({ query }: Context, model: TaskModel): readonly Notice[] {
  const number = leadingModel(model)?.executions.count ?? 0
  return number < few ? [{ kind: 'few-executions', subject: query.task.task, number, nearest: [] }] : []
}

/** Of the leading dimension, the farthest first; then of others that too little of kills, where they were learned from less. */
function beyondRange({ point }: Context, model: TaskModel): readonly Notice[] {
  if (point === undefined) return []
  const leading = leadingModel(model)
  const others = dimensions.flatMap((dimension) => {
    const other = shortfall[dimension] === 'kill' ? model.dimensions.get(dimension) : undefined
    return other === undefined || other === leading ? [] : farthestFirst(other, model, point, dimension)
  })
  const all = leading === undefined ? [] : farthestFirst(leading, model, point, undefined)
  const told = new Map(all.map(({ subject, number }) => [subject, number]))
  return [...all, ...others.filter(({ subject, number }) => number > (told.get(subject) ?? 0))]
}

type BeyondNotice = Notice & { readonly number: number }

function farthestFirst(
  { executions }: DimensionModel,
  { encoder }: TaskModel,
  point: Point,
  dimension: Dimension | undefined,
): readonly BeyondNotice[] {
  const beyond: BeyondNotice[] = []
  for (const [subject, column] of encoder.columns) {
    const number = timesLargestSeen(executions, column, point)
    if (number !== undefined)
      beyond.push({ kind: 'beyond-range', subject, number, nearest: [], ...(dimension && { dimension }) })
  }
  return beyond.length < 2 ? beyond : beyond.sort((a, b) => b.number - a.number)
}

/** Memory where it was learned of, as an answer's reason has it. */
function leadingModel({ dimensions: models }: TaskModel): DimensionModel | undefined {
  const leading = models.has('memoryBytes') ? 'memoryBytes' : dimensions.find((d) => models.has(d))
  return leading && models.get(leading)
}

/** Where more names are unknown, they are not typing errors. */
const mostTypingErrors = 3

function namesOf(
  what: 'feature' | 'label',
  { executions, counts, isComplete }: NamesSeen,
  given: Readonly<Record<string, unknown>>,
): readonly Notice[] {
  const notices: Notice[] = []
  const unknown = isComplete && executions > 0 ? Object.keys(given).filter((name) => !counts.has(name)) : []
  if (unknown.length > 0) {
    const lacking = [...counts.keys()].filter((name) => !Object.hasOwn(given, name))
    for (const subject of unknown) {
      const nearest = unknown.length > mostTypingErrors ? [] : nearestNames(subject, lacking)
      notices.push({ kind: `unknown-${what}`, subject, nearest })
    }
  }
  for (const [subject, count] of counts)
    if (count === executions && !Object.hasOwn(given, subject))
      notices.push({ kind: `missing-${what}`, subject, nearest: [] })
  return notices
}

/** One a dimension: what it would have been without any bound. */
function clamped(answers: readonly DimensionEstimate[]): readonly Notice[] {
  return answers.flatMap(({ dimension, clamps: [first] }) =>
    first === undefined ? [] : { kind: 'clamped', number: first.before, nearest: [], dimension },
  )
}
