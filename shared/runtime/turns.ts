import { setImmediate as nextTurn } from 'node:timers/promises'

/**
 * So long the loops of one turn of the event loop may work; a step that takes longer by itself is not cut. Of a response that is larger
 * than its window each part waits for the turn after the one before, and for no more than that where slices are short.
 */
const sliceMs = 1

export interface Turn {
  /** Whether this turn's slice is used up, by this loop or by others. */
  isOver(): boolean
  /** Lets everybody else go on, then works on in a slice of its own. */
  rest(): Promise<void>
}

/**
 * For loops without an end that is known: `if (turn.isOver()) await turn.rest()` at every step.
 * Law: however many loops there are, a turn of the event loop is held for about one slice, which those that begin or go on
 * in it share.
 * @param next resolves in the next turn of the event loop.
 * @param drained resolves in this one, once nobody works any more.
 */
export function turns(
  nowMs: () => number,
  next: () => Promise<unknown>,
  drained: () => Promise<unknown>,
): Turn {
  const resting: (() => void)[] = []
  let isWaking = false
  let beganMs: number | undefined

  function beginSlice(): number {
    const began = nowMs()
    beganMs = began
    void next().then(() => {
      if (beganMs === began) beganMs = undefined
    })
    return began
  }

  const isOver = () => nowMs() - (beganMs ?? beginSlice()) >= sliceMs

  async function wake(): Promise<void> {
    isWaking = true
    while (resting.length > 0) {
      await next()
      beginSlice()
      do {
        resting.shift()?.()
        await drained()
      } while (resting.length > 0 && !isOver())
    }
    isWaking = false
  }

  return {
    isOver,
    rest: () =>
      new Promise((resolve) => {
        resting.push(resolve)
        if (!isWaking) void wake()
      }),
  }
}

/** Does work that says by its steps where others may go on; `atOnce` does it in one turn, where it is known to be short or nobody waits. */
export async function inTurns<T>(steps: Generator<undefined, T>): Promise<T> {
  let step = steps.next()
  while (!step.done) {
    if (turn.isOver()) await turn.rest()
    step = steps.next()
  }
  return step.value
}

/** The turns of this process. */
export const turn = turns(
  () => performance.now(),
  () => nextTurn(),
  // The queue of nextTick is looked at when that of promises is empty.
  () => new Promise((resolve) => process.nextTick(resolve)),
)
