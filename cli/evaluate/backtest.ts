import type { Policy } from '../../shared/domain/policy.ts'
import { baselines, type ColdStart, type SizingMethod } from './baselines.ts'
import type { DistanceScore } from './jump.ts'
import { type Ledger, ledger, type MethodScore } from './ledger.ts'
import {
  type ConfidenceScore,
  type Forecast,
  type PredictionPair,
  type PredictionScore,
  percentiles,
  scoreForecasts,
  scorePredictions,
} from './metrics.ts'
import type { Pair, PairEstimate } from './pair.ts'
import { killedRecordOf, queryOf, recordOf } from './records.ts'
import type { TraceRow } from './trace.ts'

export interface BacktestOptions {
  /** When the need of an execution becomes known: before the next one starts, or when it ends. */
  readonly feedback: 'immediate' | 'completion'
  /** Share of a run that has passed when it fails for want of memory. */
  readonly timeToFailure: number
  /** Nothing larger is ever given. */
  readonly capBytes: number
  readonly coldStart: 'request' | 'default'
  readonly defaultBytes: number
  readonly risk: number
  /** Strategies to score alone. */
  readonly strategies: readonly string[]
  /** Asks for the confidence of other allocations too: three more answers a row. */
  readonly probe: boolean
}

/** One line of `--json`. */
export interface TraceScore {
  readonly trace: string
  readonly executions: number
  readonly used_gb_hours: number | null
  readonly used_gb: number
  readonly methods: Readonly<Record<string, MethodScore>>
  readonly confidence: ConfidenceScore | null
  readonly duration: PredictionScore | null
  readonly cpu: PredictionScore | null
  readonly estimate_us: { readonly p50: number; readonly p99: number } | null
  readonly update_us: { readonly p50: number; readonly p99: number } | null
  /** With `--jump`: answers beyond the inputs learned, by how far. */
  readonly jump?: readonly DistanceScore[]
}

/** What a report shows beside the score. */
export interface Backtest {
  readonly score: TraceScore
  readonly forecasts: readonly Forecast[]
  /** In order of the trace. */
  readonly points: readonly SizedPoint[]
  /** Executions sized whose users asked for an amount of memory. */
  readonly requests: number
}

export interface SizedPoint {
  readonly task: string
  readonly usedBytes: number
  /** By the attempt that did not fail. */
  readonly givenBytes: number
  /** Unset where its user asked for nothing. */
  readonly requestedBytes: number | undefined
  /** An attempt before it was given too little. */
  readonly isKilled: boolean
  readonly gigabyteHours: number
}

/** The name of a strategy alone among the methods. */
export const aloneName = (strategy: string) => `strategy:${strategy}`

/**
 * Plays a history through a pair and through the baselines: each row is sized before it is known, then reported.
 * Rows that did not complete are left out; those without a peak are only learned from for time and CPU.
 */
export async function backtest(
  trace: string,
  rows: readonly TraceRow[],
  pair: Pair,
  options: BacktestOptions,
  onRow: (done: number) => void,
): Promise<Backtest> {
  const coldStart: ColdStart = ({ requestedMemoryBytes: asked }) =>
    options.coldStart === 'request' && asked !== undefined && asked > 0 ? asked : options.defaultBytes
  const rivals = baselines.map((make) => make(coldStart))
  const books = new Map<string, Ledger>()
  const bookOf = (name: string): Ledger => {
    const known = books.get(name) ?? ledger(options)
    books.set(name, known)
    return known
  }
  const play = foresizePlay(trace, pair, options, bookOf)
  const waiting = revealQueue()

  let reported = 0
  async function reveal(row: TraceRow): Promise<void> {
    const attempt = play.attemptsOf(row)
    await pair.report(recordOf(row, `${trace}-${reported++}`, options.coldStart === 'request', attempt))
    if (isSized(row)) for (const rival of rivals) rival.observe(row, row.peakMemoryBytes)
  }

  let usedGb = 0
  let usedGbHours = 0
  let timed = false
  let executions = 0
  let requests = 0
  for (const [index, row] of rows.entries()) {
    onRow(index)
    if (!row.completed) continue
    if (options.feedback === 'completion') {
      for (const ended of waiting.endedBy(row.submitMs ?? 0)) await reveal(ended)
    }
    await play.size(row)
    if (isSized(row)) {
      for (const rival of rivals) sizeBy(rival, row, bookOf(rival.name), options)
      executions++
      if ((row.requestedMemoryBytes ?? 0) > 0) requests++
      usedGb += row.peakMemoryBytes / 1e9
      usedGbHours += (row.peakMemoryBytes / 1e9) * hoursOf(row)
      timed ||= row.durationMs !== undefined
    }
    if (options.feedback === 'completion') waiting.add(row)
    else await reveal(row)
  }
  onRow(rows.length)

  return {
    score: {
      trace,
      executions,
      used_gb_hours: timed ? usedGbHours : null,
      used_gb: usedGb,
      methods: Object.fromEntries([...books].map(([name, book]) => [name, book.score(timed)])),
      confidence: scoreForecasts(play.forecasts),
      duration: scorePredictions(play.durations),
      cpu: scorePredictions(play.cpus),
      estimate_us: percentiles(pair.timings.estimateUs),
      update_us: percentiles(pair.timings.updateUs),
    },
    forecasts: [...play.forecasts, ...play.probes],
    points: play.points,
    requests,
  }
}

type SizedRow = TraceRow & { readonly peakMemoryBytes: number }

function isSized(row: TraceRow): row is SizedRow {
  return row.peakMemoryBytes !== undefined && row.peakMemoryBytes > 0
}

const hoursOf = ({ durationMs }: TraceRow) => (durationMs ?? 0) / 3_600_000

export function sizeBy(
  method: SizingMethod,
  row: SizedRow,
  book: Ledger,
  { capBytes }: Pick<BacktestOptions, 'capBytes'>,
): void {
  let given = Math.min(method.allocate(row), capBytes)
  const execution = book.begin(row.peakMemoryBytes, hoursOf(row))
  for (let tries = 1; !execution.attempt(given); tries++) {
    const failed = given
    given = Math.min(method.retry(row, failed, tries), capBytes)
    if (method.raise !== undefined) method.raise(row, given)
  }
}

/** foresize and each of its strategies alone: all asked at once, since what was learned is the same. */
function foresizePlay(trace: string, pair: Pair, options: BacktestOptions, bookOf: (name: string) => Ledger) {
  const policy: Partial<Policy> = { risk: options.risk, max: { memoryBytes: options.capBytes } }
  const useRequest = options.coldStart === 'request'
  const lineup = [
    { name: 'foresize', policy },
    ...options.strategies.map((strategy) => ({
      name: aloneName(strategy),
      policy: { ...policy, strategies: [strategy] },
    })),
  ]
  const forecasts: Forecast[] = []
  const probes: Forecast[] = []
  const durations: PredictionPair[] = []
  const cpus: PredictionPair[] = []
  const points: SizedPoint[] = []

  /** Known at once, long before the need is: every baseline knows of its own failures too. */
  let killed = 0
  const lastAttempts = new Map<TraceRow, number>()
  async function reportKilled(row: SizedRow, attempt: number, given: number): Promise<void> {
    lastAttempts.set(row, attempt + 1)
    await pair.report(killedRecordOf(row, `${trace}-killed-${killed++}`, useRequest, attempt, given))
  }

  async function run(row: SizedRow, name: string, policy: Partial<Policy>, first: number): Promise<number> {
    const execution = bookOf(name).begin(row.peakMemoryBytes, hoursOf(row))
    let given = first
    for (let attempt = 2; !execution.attempt(given); attempt++) {
      if (name === 'foresize' && options.feedback === 'completion')
        await reportKilled(row, attempt - 1, given)
      const [next] = await pair.estimate([queryOf(row, policy, useRequest, attempt, given)])
      given = Math.min(memoryOf(next), options.capBytes)
    }
    return given
  }

  async function probeAt(row: SizedRow, given: number): Promise<void> {
    const asked = useRequest ? row.requestedMemoryBytes : undefined
    for (const memoryBytes of [0.8 * given, 1.2 * given, 1.5 * given, asked ?? 0]) {
      if (memoryBytes <= 0) continue
      const { confidence } = await pair.confidence(queryOf(row, policy, useRequest), { memoryBytes })
      probes.push({ probability: confidence, happened: memoryBytes >= row.peakMemoryBytes })
    }
  }

  return {
    forecasts,
    probes,
    durations,
    cpus,
    points,
    /** Which attempt of it came back. Asked once. */
    attemptsOf(row: TraceRow): number {
      const attempt = lastAttempts.get(row) ?? 1
      lastAttempts.delete(row)
      return attempt
    },
    async size(row: TraceRow): Promise<void> {
      const queries = lineup.map((method) => queryOf(row, method.policy, useRequest))
      const estimates = await pair.estimate(isSized(row) ? queries : queries.slice(0, 1))
      const [own] = estimates
      if (own === undefined) return
      notePrediction(own, 'durationMs', row.durationMs, durations)
      notePrediction(own, 'cpuCores', row.cpuCores, cpus)
      if (!isSized(row)) return
      const first = Math.min(memoryOf(own), options.capBytes)
      const confidence = own.dimensions.find(({ dimension }) => dimension === 'memoryBytes')?.confidence ?? 0
      forecasts.push({ probability: confidence, happened: first >= row.peakMemoryBytes })
      if (options.probe) await probeAt(row, first)
      for (const [i, method] of lineup.entries()) {
        const last = await run(
          row,
          method.name,
          method.policy,
          Math.min(memoryOf(estimates[i]), options.capBytes),
        )
        if (i > 0) continue
        const gigabyteHours = (row.peakMemoryBytes / 1e9) * hoursOf(row)
        points.push({
          task: row.task,
          usedBytes: row.peakMemoryBytes,
          givenBytes: last,
          requestedBytes: (row.requestedMemoryBytes ?? 0) > 0 ? row.requestedMemoryBytes : undefined,
          isKilled: first < row.peakMemoryBytes,
          gigabyteHours,
        })
      }
    },
  }
}

function memoryOf(estimate: PairEstimate | undefined): number {
  const bytes = estimate?.resources.memoryBytes
  if (bytes === undefined) throw new Error('an estimate without memory')
  return bytes
}

/** Only what the task's own history told is a prediction. */
function notePrediction(
  { dimensions }: PairEstimate,
  wanted: 'durationMs' | 'cpuCores',
  actual: number | undefined,
  pairs: PredictionPair[],
): void {
  const found = dimensions.find(({ dimension }) => dimension === wanted)
  if (found?.source !== 'profile' || actual === undefined || actual <= 0) return
  pairs.push({ predicted: found.expected, actual })
}

/** Executions under way, by when they end; those that end together in the order they began. */
function revealQueue() {
  const waiting: { readonly endMs: number; readonly row: TraceRow }[] = []
  return {
    add(row: TraceRow): void {
      const endMs = (row.submitMs ?? 0) + (row.durationMs ?? 0)
      let at = waiting.length
      while (at > 0 && (waiting[at - 1]?.endMs ?? 0) > endMs) at--
      waiting.splice(at, 0, { endMs, row })
    },
    endedBy(nowMs: number): readonly TraceRow[] {
      let count = 0
      while (count < waiting.length && (waiting[count]?.endMs ?? 0) <= nowMs) count++
      return waiting.splice(0, count).map(({ row }) => row)
    },
  }
}
