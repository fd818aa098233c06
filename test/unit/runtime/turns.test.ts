import { expect, test } from 'vitest'
import { turns as turnsOf } from '../../../shared/runtime/turns.ts'

/** An event loop by hand: work takes time by its clock, and a turn ends where nobody works any more. */
function loop() {
  let nowMs = 0
  let turnBeganMs = 0
  let longestMs = 0
  let turns = 0
  let waiting: (() => void)[] = []
  const turn = turnsOf(
    () => nowMs,
    () => new Promise<void>((resolve) => waiting.push(resolve)),
    async () => {
      for (let i = 0; i < 20; i++) await Promise.resolve()
    },
  )
  return {
    turn,
    work(ms: number) {
      nowMs += ms
      longestMs = Math.max(longestMs, nowMs - turnBeganMs)
    },
    longestMs: () => longestMs,
    turns: () => turns,
    async run(until: () => boolean) {
      while (!until()) {
        for (let i = 0; i < 5000; i++) await Promise.resolve()
        turnBeganMs = nowMs
        turns += 1
        const due = waiting
        waiting = []
        for (const resolve of due) resolve()
      }
    },
  }
}

test.each([1, 20])('%i loops at once hold the event loop for a slice or two in a turn', async (count) => {
  const { turn, work, run, longestMs } = loop()
  let done = 0
  const walk = async () => {
    for (let i = 0; i < 100; i++) {
      if (turn.isOver()) await turn.rest()
      work(1)
    }
    done += 1
  }
  const all = Array.from({ length: count }, walk)
  await run(() => done === count)
  await Promise.all(all)
  // Of 1 ms: a part of a response that is larger than its window waits for no more.
  expect(longestMs()).toBeLessThanOrEqual(2)
})

test('of many that rest, as many go on in a turn as its slice has room for', async () => {
  const { turn, work, run, longestMs, turns } = loop()
  let done = 0
  const answer = async () => {
    if (turn.isOver()) await turn.rest()
    work(0.05)
    done += 1
  }
  work(10)
  const all = Array.from({ length: 1000 }, answer)
  await run(() => done === 1000)
  await Promise.all(all)
  // 1000 × 0.05 ms in slices of 1 ms.
  expect(turns()).toBeLessThan(60)
  // What was worked before anybody rested, and a slice.
  expect(longestMs()).toBeLessThanOrEqual(12)
})
