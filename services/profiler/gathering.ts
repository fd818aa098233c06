import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'

/** What waits to be committed. */
export interface Waiting {
  count(): number
  /** Whether a commit holds no more. */
  isFull(): boolean
  /** Whether all of it came by streams, whose clients go on meanwhile. */
  isStreamed(): boolean
}

/** When the next commit begins: what it costs by itself is shared by all that is in it. */
export interface Gathering {
  /** Resolves when it should begin. */
  done(): Promise<void>
  /** Something more waits; of a stream, where its client goes on meanwhile. */
  added(from?: Streamed): void
}

export interface Streamed {
  /** The same for all batches of one stream. */
  readonly stream: object
  /** It was sent before the batch before it was stored. */
  readonly isAhead: boolean
}

export interface Waits {
  nowMs(): number
  /** Resolves in the next turn of the event loop. */
  nextTurn(): Promise<unknown>
  sleep(ms: number): Promise<unknown>
}

const ownWaits: Waits = {
  nowMs: () => performance.now(),
  nextTurn: () => nextTurn(),
  sleep: (ms) => sleep(ms),
}

/** Turns that a commit waits at most. */
const mostTurns = 8
/** Streams wait in steps of so long… */
const pauseMs = 2
/** …until so long after the commit before has begun… */
const intervalMs = 10
/** …or for so many batches: half of what one stream may have under way, so that none is held up. */
const enoughBatches = 32

/** After so many commits in a row whose last pause brought nothing, of the same streams and as much… */
const vainCommits = 3
/** …none pauses for so many times as long as the last of them did: clients have as much under way as they will. */
const calmOverVain = 128

/**
 * A commit waits for what is being read from the network: as long as each turn of the event loop brings more. Where it holds
 * several batches of streams, or the one before did, it waits as long as each pause brings more. Clients that send a batch once
 * they are told of the last have nothing more to send when each has a batch here: where no other is seen, nothing waits for more.
 * Those that are ahead by less than `enoughBatches` show by pauses that bring nothing.
 * Law: who waits for an answer, a stream that comes alone, and streams of which none is ahead and all have come again, wait for no pause.
 */
export function gathering(waiting: Waiting, { nowMs, nextTurn, sleep }: Waits = ownWaits): Gathering {
  let beganMs = Number.NEGATIVE_INFINITY
  let countBefore = 0
  /** Commits in a row that paused in vain, and what each of them held. */
  let vain = { commits: 0, count: 0 }
  let calmUntilMs = Number.NEGATIVE_INFINITY
  /** Streams of which a batch waits. */
  let here = new Set<object>()
  /** Streams of the commit before of which none has come since. */
  let missing = new Set<object>()
  let isAnyAhead = false
  let wasAnyAhead = false
  /** Ends the pause that is under way. */
  let wake: (() => void) | undefined

  const areMoreLikely = () => isAnyAhead || wasAnyAhead || missing.size > 0
  const mayPause = () =>
    areMoreLikely() && waiting.count() < enoughBatches && !waiting.isFull() && waiting.isStreamed()

  async function pause(): Promise<void> {
    const woken = Promise.withResolvers<void>()
    wake = woken.resolve
    await Promise.race([sleep(pauseMs), woken.promise])
    wake = undefined
  }

  /** As long as each wait brings more. Resolves to whether the last has brought nothing. */
  async function repeat(wait: () => Promise<unknown>, may: (waits: number) => boolean): Promise<boolean> {
    for (let waits = 0; may(waits); waits++) {
      const before = waiting.count()
      await wait()
      if (waiting.count() === before) return true
    }
    return false
  }

  /** Pauses, unless they have been in vain of late. */
  async function pauses(): Promise<void> {
    const startMs = nowMs()
    if (startMs < calmUntilMs) return
    const isVain = await repeat(pause, () => nowMs() < beganMs + intervalMs && mayPause())
    const count = waiting.count()
    // Where the commit before held more, its clients have been told just now, and may be slow to send.
    if (!isVain || missing.size > 0 || count < countBefore) vain = { commits: 0, count }
    else vain = { commits: count === vain.count ? vain.commits + 1 : 1, count }
    if (vain.commits >= vainCommits) calmUntilMs = nowMs() + calmOverVain * (nowMs() - startMs)
  }

  return {
    async done() {
      if (countBefore > 1 || waiting.count() > 1) await pauses()
      await repeat(nextTurn, (turns) => turns < mostTurns && !waiting.isFull())
      countBefore = waiting.count()
      beganMs = nowMs()
      missing = here
      here = new Set()
      wasAnyAhead = isAnyAhead
      isAnyAhead = false
    },
    added(from) {
      if (from) {
        here.add(from.stream)
        missing.delete(from.stream)
        isAnyAhead ||= from.isAhead
      }
      if (wake && !mayPause()) wake()
    },
  }
}
