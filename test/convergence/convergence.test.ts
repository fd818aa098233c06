import { describe, expect, test } from 'vitest'
import {
  bimodalWork,
  constantWork,
  driftingWork,
  type GeneratedWork,
  heavyTailWork,
  linearWork,
  regimeWork,
  seasonalWork,
} from '../support/generated-work.ts'
import { type Played, playWork, sumOf } from '../support/play-work.ts'

/**
 * How soon foresize does as well as whoever knows where needs come from: the oracle follows the same rule on the true
 * distribution, and knows as little as foresize which need is drawn next. Several seeds are added up.
 */
const seeds = [1, 2, 3, 4]
const executions = 120

const played = new Map<string, readonly (readonly Played[])[]>()

function play(work: GeneratedWork): readonly (readonly Played[])[] {
  const known = played.get(work.name) ?? seeds.map((seed) => playWork(work, seed, executions))
  played.set(work.name, known)
  return known
}

const between = (runs: readonly (readonly Played[])[], from: number, to: number): readonly Played[] =>
  runs.flatMap((run) => run.slice(from, to))

/** What was taken from the machine, over what the oracle took: need and wastage, killed attempts included. */
function takenRatio(all: readonly Played[]): number {
  const need = sumOf(all, (each) => each.need)
  return (need + sumOf(all, (each) => each.wasted)) / (need + sumOf(all, (each) => each.oracleWasted))
}

/** Wastage above 1.1 times the oracle's, as a share of what was needed. */
function excess(all: readonly Played[]): number {
  const over = sumOf(all, (each) => each.wasted) - 1.1 * sumOf(all, (each) => each.oracleWasted)
  return over / sumOf(all, (each) => each.need)
}

describe.each([
  { work: constantWork, after: 20 },
  { work: linearWork, after: 20 },
  { work: bimodalWork, after: 20 },
  { work: heavyTailWork, after: 20 },
  { work: driftingWork, after: 40 },
  { work: seasonalWork, after: 60 },
])('$work.name', ({ work, after }) => {
  test(`from ${after} executions on it takes within 10 % of what the oracle takes`, () => {
    const runs = play(work)
    for (let from = after; from + 40 <= executions; from += 20) {
      expect(takenRatio(between(runs, from, from + 40))).toBeLessThan(1.1)
    }
  })

  test('in the end it wastes within 10 % of the oracle, or 4 % of the need where that is next to nothing', () => {
    expect(excess(between(play(work), 70, executions))).toBeLessThan(0.04)
  })

  test('it suffices as often as it promises', () => {
    const all = between(play(work), after, executions)
    const promised = sumOf(all, ({ confidence }) => confidence) / all.length
    const sufficed = sumOf(all, (each) => (each.sufficed ? 1 : 0)) / all.length
    // Three standard deviations of a share among so many, and two hundredths for what is still being learned.
    const chance = 3 * Math.sqrt((promised * (1 - promised)) / all.length)
    expect(Math.abs(sufficed - promised)).toBeLessThan(0.02 + chance)
  })
})

describe('a target coverage', () => {
  test.each([0.8, 0.9, 0.95])('of %f is met on needs that scatter widely', (targetCoverage) => {
    const all = [11, 12].flatMap((seed) => playWork(heavyTailWork, seed, 160, { targetCoverage }).slice(40))
    const sufficed = sumOf(all, (each) => (each.sufficed ? 1 : 0)) / all.length
    const chance = 3 * Math.sqrt((targetCoverage * (1 - targetCoverage)) / all.length)
    expect(sufficed).toBeGreaterThan(targetCoverage - 0.02 - chance)
    expect(sufficed).toBeLessThan(targetCoverage + 0.04 + chance)
  })
})

describe('a regime change', () => {
  const [change, to] = [60, 110]
  /** From one execution to the next the need is another. */
  const changing = (before: number, afterwards: number): GeneratedWork => ({
    ...regimeWork,
    need: (i, input, random) => regimeWork.need(200, input, random) * (i < change ? before : afterwards),
  })

  const saysSo = ({ reason }: Played) => reason.includes('its needs are changing')

  test('to a quarter: noticed within 15 executions, said so, and followed', () => {
    const runs = seeds.map((seed) => playWork(changing(4, 1), seed, to))
    for (const run of runs) {
      expect(run.slice(change + 5, change + 15).some(saysSo)).toBe(true)
    }
    expect(takenRatio(between(runs, change + 20, to))).toBeLessThan(1.1)
  })

  test('none: steady needs are not said to change', () => {
    const steady = between(play(linearWork), 30, executions)
    expect(steady.filter(saysSo).length / steady.length).toBeLessThan(0.05)
  })

  test('to four times as much: at most a few kills, then as good as the oracle', () => {
    const runs = seeds.map((seed) => playWork(changing(1, 4), seed, to))
    for (const run of runs) {
      const killed = run.slice(change, change + 20).filter(({ sufficed }) => !sufficed)
      expect(killed.length).toBeLessThanOrEqual(8)
    }
    expect(takenRatio(between(runs, change + 20, to))).toBeLessThan(1.1)
  })
})
