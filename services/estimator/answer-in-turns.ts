import { inTurns, turn } from '../../shared/runtime/turns.ts'
import type { Breakers } from './breaker.ts'
import type { TaskModel } from './domain/ensemble/task-model.ts'
import { type Context, executionsLearned } from './domain/estimate/context.ts'
import { growthAhead } from './domain/estimate/growth-ahead.ts'
import type { SlowStrategySearch } from './slow-strategy-search.ts'

/** How a question is answered. */
export interface Asked<T> {
  readonly steps: (context: Context) => Generator<undefined, T>
  /** From the beginning, with what is known by then. `waits`: how often it has waited or begun again. */
  readonly again: (waits: number) => T | Promise<T>
  readonly keep?: (answer: T) => void
}

/** So often; where more is learned each time, the answer then comes at once. */
const mostWaits = 3

export interface AnswersInTurns {
  /**
   * At once, where it is short. Where it takes long it waits for its turns, and begins again where more was learned of the task, or a
   * breaker has changed, meanwhile: an answer is of one state.
   */
  answer<T>(context: Context, waits: number, asked: Asked<T>): T | Promise<T>
}

export function answersInTurns(parts: {
  readonly breakers: Breakers
  readonly monotonicMs: () => number
  readonly searchSlow: SlowStrategySearch
}): AnswersInTurns {
  const { breakers, monotonicMs, searchSlow } = parts
  const recording = new Map<TaskModel, Promise<void>>()

  /** Undefined where it is. Who asks of the same task meanwhile waits for the same. */
  function growthRecorded(context: Context): Promise<void> | undefined {
    const model = context.evidence.task?.model
    const steps = growthAhead(context)
    if (model === undefined || steps === undefined) return undefined
    const underWay = recording.get(model)
    if (underWay !== undefined) return underWay
    const recorded = inTurns(steps).finally(() => recording.delete(model))
    recording.set(model, recorded)
    return recorded
  }

  function finished<T>(context: Context, { keep, steps }: Asked<T>, answer: T, tookMs: number): T {
    keep?.(answer)
    searchSlow(context, steps, tookMs)
    return answer
  }

  async function goOn<T>(
    steps: Generator<undefined, T>,
    spentMs: number,
    context: Context,
    waits: number,
    asked: Asked<T>,
  ): Promise<T> {
    const isCurrent = stateOf(context)
    let tookMs = spentMs
    for (;;) {
      await turn.rest()
      if (!isCurrent()) return asked.again(waits + 1)
      do {
        const startMs = monotonicMs()
        const { done, value } = steps.next()
        tookMs += monotonicMs() - startMs
        if (done) return finished(context, asked, value, tookMs)
      } while (!turn.isOver())
    }
  }

  /** Whether the state that an answer began in still is. */
  function stateOf(context: Context): () => boolean {
    const known = executionsLearned(context)
    const { epoch, followingEpoch } = breakers
    return () =>
      executionsLearned(context) === known &&
      breakers.epoch === epoch &&
      breakers.followingEpoch === followingEpoch
  }

  return {
    answer(context, waits, asked) {
      const mayWait = waits < mostWaits
      const recorded = mayWait ? growthRecorded(context) : undefined
      if (recorded !== undefined) return inTurnAfter(recorded, () => asked.again(waits + 1))
      const startMs = monotonicMs()
      const steps = asked.steps(context)
      let step = steps.next()
      while (!step.done && !(mayWait && turn.isOver())) step = steps.next()
      const tookMs = monotonicMs() - startMs
      return step.done
        ? finished(context, asked, step.value, tookMs)
        : goOn(steps, tookMs, context, waits, asked)
    },
  }
}

/** However many wait for the same, they do not all have one turn of the event loop. */
export async function inTurnAfter<T>(ready: Promise<unknown>, next: () => T | Promise<T>): Promise<T> {
  await ready
  if (turn.isOver()) await turn.rest()
  return next()
}
