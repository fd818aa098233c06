import type { Dimension } from '../../../../shared/domain/resources.ts'
import type { Context } from './context.ts'
import { fromOwnHistory } from './from-own-history.ts'
import { fromSimilarTasks } from './from-similar-tasks.ts'
import type { Recommendation } from './recommendation.ts'

/** From the task's own executions; where those do not do, from similar tasks, the request or the default. */
export function recommend(context: Context, dimension: Dimension): Recommendation | undefined {
  return fromOwnHistory(context, dimension) ?? fromSimilarTasks(context, dimension)
}
