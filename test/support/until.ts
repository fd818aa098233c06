import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Asks again, after a pause, until the answer is as wanted: what travels by the feed arrives when it does. A call that is
 * rejected is made again too: its service may just be starting. Rejects after a minute with what came last.
 */
export async function until<T>(isWanted: (answer: T) => boolean, ask: () => Promise<T>): Promise<T> {
  const giveUp = AbortSignal.timeout(60_000)
  for (;;) {
    let last: unknown
    try {
      const answer = await ask()
      if (isWanted(answer)) return answer
      last = JSON.stringify(answer)
    } catch (error) {
      last = error
    }
    if (giveUp.aborted) throw new Error(`never as wanted; last: ${last}`, { cause: last })
    await sleep(20)
  }
}
