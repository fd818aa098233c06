import type { PerformanceEntry } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'vitest'

setFlagsFromString('--expose-gc')
/** Turns that are looked at: the longest with the collector may not be so without. */
const looked = 20

/** What was made for a measurement is not collected in it. */
const collectGarbage: () => void = runInNewContext('gc')

/**
 * CPU time of the longest turn of the event loop while `work` runs, and of all of it, in milliseconds. Of a turn without what
 * the collector took of it: how long that is hangs on the machine and on all that is kept, not on the work.
 */
export async function turnsOf(work: () => Promise<unknown>) {
  const used = () => {
    // The time of a thread that runs is up to date once that of the process was asked: else it is of the last tick, 4 ms ago.
    process.cpuUsage()
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1000
  }
  collectGarbage()
  const collected: PerformanceEntry[] = []
  const collector = new PerformanceObserver((list) => void collected.push(...list.getEntries()))
  collector.observe({ entryTypes: ['gc'] })
  const long: { readonly fromMs: number; readonly toMs: number; readonly usedMs: number }[] = []
  let isDone = false
  let turns = 0
  const beganMs = used()
  let turn = { fromMs: performance.now(), usedMs: beganMs }
  const look = () => {
    const now = { fromMs: performance.now(), usedMs: used() }
    long.push({ fromMs: turn.fromMs, toMs: now.fromMs, usedMs: now.usedMs - turn.usedMs })
    long.sort((a, b) => b.usedMs - a.usedMs)
    long.length = Math.min(long.length, looked)
    turn = now
    turns += 1
    if (!isDone) setImmediate(look)
  }
  setImmediate(look)
  await work()
  isDone = true
  look()
  const totalMs = used() - beganMs
  collected.push(...collector.takeRecords())
  collector.disconnect()
  const ownMs = long.map(({ fromMs, toMs, usedMs }) => {
    const within = collected.filter(({ startTime }) => fromMs <= startTime && startTime < toMs)
    return usedMs - within.reduce((sum, { duration }) => sum + duration, 0)
  })
  return { longestMs: Math.max(...ownMs), wholeMs: long[0]?.usedMs ?? 0, totalMs, turns }
}

/** What is measured. */
export type Work = () => Promise<unknown>

/** Makes what it needs before. */
export type Preparation = (run: string) => Work | Promise<Work>

/** CPU time of a turn, in milliseconds. The machine lengthens one now and then: it holds of the best run. */
const longestTurnMs = 20

export async function expectShortTurns(name: string, prepare: Preparation): Promise<void> {
  let best = Number.POSITIVE_INFINITY
  for (let run = 0; run < 6 && best >= longestTurnMs; run++) {
    const { longestMs, wholeMs, totalMs, turns } = await turnsOf(await prepare(`${name} ${run} `))
    best = Math.min(best, longestMs)
    const whole = `${wholeMs.toFixed(1)} with the collector`
    const figures = `${longestMs.toFixed(1)} ms in the longest of ${turns} turns, ${whole}, of ${totalMs.toFixed(0)}`
    process.stdout.write(`${name}: ${figures}\n`)
  }
  expect(best).toBeLessThan(longestTurnMs)
}
