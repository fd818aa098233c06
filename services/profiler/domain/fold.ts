import { isInformative } from '../../../shared/domain/evidence.ts'
import {
  type ExecutionRecord,
  type Outcome,
  outcomes,
  type RunningExecution,
} from '../../../shared/domain/execution.ts'
import {
  type OutcomeCount,
  type Profile,
  type ProfileKey,
  profileSchemaVersion,
} from '../../../shared/domain/profile.ts'
import { profileLimits } from '../../../shared/domain/profile-limits.ts'
import { type AccuracySettings, scoreEstimate, type TokenEstimate } from './accuracy.ts'
import { fingerprint } from './fingerprint.ts'
import { decayStatistics, observe } from './statistics.ts'

export interface FoldSettings extends AccuracySettings {
  /** Time after which an execution counts half in the statistics, milliseconds. Default 30 days. */
  readonly halfLifeMs: number
  /** Executions that the profile holds one by one. Default 96. */
  readonly maxExecutions: number
  /** Oldest executions dropped at once when full. Default 32. */
  readonly droppedExecutions: number
  /** Executions remembered as folded, so that a repeat is ignored. Default 4096. */
  readonly maxFolded: number
  /** Executions under way that are shown. Default 64. */
  readonly maxRunning: number
}

export const defaultFoldSettings: FoldSettings = {
  halfLifeMs: 30 * 24 * 3600 * 1000,
  maxExecutions: profileLimits.executions,
  droppedExecutions: 32,
  maxFolded: profileLimits.folded,
  maxRunning: profileLimits.running,
  accuracyDecay: 0.98,
  maxAccuracyEntries: profileLimits.accuracy,
}

/** A finished execution and, where it came from one, the estimate that is scored with it. */
export interface Finished {
  readonly record: ExecutionRecord
  readonly estimate?: TokenEstimate | undefined
  /** Told from outside after it was closed as lost: it takes the place of that end, once. */
  readonly isLate?: boolean
}

export interface FoldResult {
  /** The same object where nothing was folded. */
  readonly profile: Profile
  /** Which of the executions were folded now; the rest had been before. */
  readonly folded: readonly boolean[]
}

/**
 * Folds finished executions into a profile, in the order given.
 * Unit: `nowUnixMs` is the server's clock; one that goes back is read as standing still.
 * Law: an execution among the last `maxFolded` is folded once, however often it comes, and one that was lost once more,
 * by a late end; folding one by one at the same time gives the same profile as folding all at once; the same inputs give
 * the same bytes.
 */
export function foldAll(
  before: Profile | undefined,
  key: ProfileKey,
  finished: readonly Finished[],
  nowUnixMs: number,
  settings: FoldSettings,
): FoldResult {
  const base = before ?? emptyProfile(key, nowUnixMs)
  const memory = foldMemory(base.folded, settings.maxFolded, finished.length)
  const corrected = new Set<Finished>()
  const folded = finished.map((each) => {
    const { record, isLate } = each
    if (memory.remember(fingerprint(record.executionId))) {
      if (record.outcome === 'lost') memory.remember(lostPrint(record))
      return true
    }
    if (!isLate || record.outcome === 'lost' || !memory.forget(lostPrint(record))) return false
    corrected.add(each)
    return true
  })
  const news = finished.filter((_, index) => folded[index])
  if (news.length === 0) return { profile: base, folded }

  const lastSeenUnixMs = Math.max(nowUnixMs, base.lastSeenUnixMs)
  const factor = 2 ** (-(lastSeenUnixMs - base.lastSeenUnixMs) / settings.halfLifeMs)
  let statistics = decayStatistics(base.statistics, factor)
  let accuracy = base.accuracy
  const executions = base.executions.slice()
  const counts = new Map(base.outcomes.map(({ outcome, count }) => [outcome, count]))
  for (const each of news) {
    const { record, estimate } = each
    if (corrected.has(each)) counts.set('lost', (counts.get('lost') ?? 0) - record.weight)
    counts.set(record.outcome, (counts.get(record.outcome) ?? 0) + record.weight)
    if (!isInformative(record.outcome)) continue
    statistics = observe(statistics, record)
    if (estimate) accuracy = scoreEstimate(accuracy, estimate, record, settings)
    if (executions.length >= settings.maxExecutions) executions.splice(0, settings.droppedExecutions)
    executions.push({
      ...record,
      estimateToken: noToken,
      endedAtUnixMs: record.endedAtUnixMs || lastSeenUnixMs,
    })
  }
  const ended = new Set(news.map(({ record }) => record.executionId))
  const profile = {
    ...base,
    revision: base.revision + news.length,
    lastSeenUnixMs,
    outcomes: inOrder(counts),
    statistics,
    executions,
    running: base.running.filter(({ executionId }) => !ended.has(executionId)),
    folded: memory.list(),
    accuracy,
  }
  return { profile, folded }
}

/**
 * Shows executions under way as last reported. Returns the same object where nothing changed.
 * Law: an execution that was folded does not come back.
 */
export function showRunning(
  profile: Profile,
  reported: readonly RunningExecution[],
  settings: FoldSettings,
): Profile {
  const shown = new Map(profile.running.map((running) => [running.executionId, running]))
  let changed = false
  for (const running of reported) {
    if (!shown.has(running.executionId) && shown.size >= settings.maxRunning) continue
    if (profile.folded.includes(fingerprint(running.executionId))) continue
    shown.set(running.executionId, running)
    changed = true
  }
  if (!changed) return profile
  const running = [...shown.values()].sort((a, b) => (a.executionId < b.executionId ? -1 : 1))
  return { ...profile, revision: profile.revision + 1, running }
}

export function emptyProfile(key: ProfileKey, nowUnixMs: number): Profile {
  return {
    key,
    schemaVersion: profileSchemaVersion,
    revision: 0,
    firstSeenUnixMs: nowUnixMs,
    lastSeenUnixMs: nowUnixMs,
    outcomes: [],
    statistics: [],
    executions: [],
    running: [],
    folded: [],
    accuracy: [],
    members: [],
  }
}

const noToken = new Uint8Array(0)

/** Remembered beside the execution's own while its loss may still be corrected. */
const lostPrint = ({ executionId }: ExecutionRecord) => fingerprint(`${executionId}\u0000lost`)

function inOrder(counts: ReadonlyMap<Outcome, number>): readonly OutcomeCount[] {
  return outcomes.flatMap((outcome) => {
    const count = counts.get(outcome) ?? 0
    return count <= 0 ? [] : [{ outcome, count }]
  })
}

/** Scans of a full list that a set of it costs to build [150 µs, a scan 1.5]. */
const scansOfASet = 100

/** The latest fingerprints, oldest first: those of before, `from` on, then those that are new. */
function foldMemory(before: readonly number[], limit: number, expected: number) {
  const news: number[] = []
  const known = expected > scansOfASet ? new Set(before) : undefined
  let from = 0
  const at = (index: number) => (index < before.length ? before[index] : news[index - before.length])
  const has = (print: number) =>
    known
      ? known.has(print)
      : before.indexOf(print, from) >= 0 || news.indexOf(print, Math.max(0, from - before.length)) >= 0
  return {
    remember(print: number): boolean {
      if (has(print)) return false
      known?.add(print)
      news.push(print)
      if (before.length + news.length - from > limit) {
        known?.delete(at(from) as number)
        from += 1
      }
      return true
    },
    /** False where it is not remembered. */
    forget(print: number): boolean {
      const index = news.indexOf(print, Math.max(0, from - before.length))
      if (index >= 0) news.splice(index, 1)
      else {
        const old = before.indexOf(print, from)
        if (old < 0) return false
        before = [...before.slice(0, old), ...before.slice(old + 1)]
      }
      known?.delete(print)
      return true
    },
    list(): readonly number[] {
      const list = before.concat(news)
      // Cutting the front off moves nothing; a slice joined to the new ones would be copied twice.
      if (from > 0) list.splice(0, from)
      return list
    },
  }
}
