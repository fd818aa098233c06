import type { Log } from '../../shared/runtime/log.ts'
import { inTurns, turn } from '../../shared/runtime/turns.ts'
import type { Breakers } from './breaker.ts'
import { type Context, executionsLearned } from './domain/estimate/context.ts'

/** Hears how long each answer took; where that was too long it works the answer out once more, to find the strategy that was slow. */
export type SlowStrategySearch = (
  context: Context,
  steps: (context: Context) => Generator<undefined, unknown>,
  tookMs: number,
) => void

/**
 * Timing every prediction would cost more than making it: only after an answer that took longer than `budgetMs` are they timed one by
 * one, in turns of the event loop that the answer has not had, for one answer at a time.
 */
export function slowStrategySearch(
  budgetMs: number,
  { breakers, log }: { readonly breakers: Breakers; readonly log: Log },
): SlowStrategySearch {
  let isUnderWay = false

  /** As long as no more is learned of the task: growth would have to be recorded anew in one turn. */
  function* whileUnchanged(
    context: Context,
    steps: Generator<undefined, unknown>,
  ): Generator<undefined, void> {
    const known = executionsLearned(context)
    while (executionsLearned(context) === known && !steps.next().done) yield
  }

  async function search(
    context: Context,
    steps: (context: Context) => Generator<undefined, unknown>,
  ): Promise<void> {
    const known = executionsLearned(context)
    await turn.rest()
    if (executionsLearned(context) !== known) return
    const suspects = breakers.beginFit(budgetMs)
    const access = { guard: suspects.guard, faults: new Map(), unfollowed: () => undefined }
    try {
      await inTurns(whileUnchanged(context, steps({ ...context, access })))
    } finally {
      suspects.settle()
    }
  }

  return (context, steps, tookMs) => {
    if (tookMs <= budgetMs || isUnderWay) return
    isUnderWay = true
    search(context, steps)
      .catch((err: unknown) => log.error({ err }, 'the search for a slow strategy failed'))
      .finally(() => {
        isUnderWay = false
      })
  }
}
