import { isInformative } from '../../../shared/domain/evidence.ts'
import {
  type ExecutionRecord,
  type Outcome,
  outcomes,
  type RunningExecution,
} from '../../../shared/domain/execution.ts'
import {
  nothingFolded,
  type OutcomeCount,
  type Profile,
  type ProfileKey,
  profileSchemaVersion,
} from '../../../shared/domain/profile.ts'
import { profileLimits } from '../../../shared/domain/profile-limits.ts'
import type { TaskKey } from '../../../shared/domain/task.ts'
import { type AccuracySettings, accuracyFold, type TokenEstimate } from './accuracy.ts'
import { fingerprint } from './fingerprint.ts'
import { foldedMemory } from './folded-memory.ts'
import { statisticsFold } from './statistics.ts'

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
  const memory = foldedMemory(base.folded, settings.maxFolded)
  const corrected: Finished[] = []
  const folded = finished.map((each) => {
    const { record, isLate } = each
    if (memory.remember(fingerprint(record.executionId))) {
      if (record.outcome === 'lost') memory.remember(lostPrint(record))
      return true
    }
    if (!isLate || record.outcome === 'lost' || !memory.forget(lostPrint(record))) return false
    corrected.push(each)
    return true
  })
  const news = folded.every(Boolean) ? finished : finished.filter((_, index) => folded[index])
  if (news.length === 0) return { profile: base, folded }

  const lastSeenUnixMs = Math.max(nowUnixMs, base.lastSeenUnixMs)
  const factor = 2 ** (-(lastSeenUnixMs - base.lastSeenUnixMs) / settings.halfLifeMs)
  const statistics = statisticsFold(base.statistics, factor)
  const accuracy = accuracyFold(base.accuracy, settings)
  const added: ExecutionRecord[] = []
  const counts = countsOf(base.outcomes)
  for (const each of news) {
    const { record, estimate } = each
    if (corrected.includes(each)) counts.lost -= record.weight
    counts[record.outcome] += record.weight
    if (!isInformative(record.outcome)) continue
    statistics.observe(record)
    if (estimate) accuracy.score(estimate, record)
    added.push({
      ...record,
      task: sameTask(base.executions[0]?.task ?? added[0]?.task, record.task),
      estimateToken: noToken,
      endedAtUnixMs: record.endedAtUnixMs || lastSeenUnixMs,
    })
  }
  const profile = {
    ...base,
    revision: base.revision + news.length,
    lastSeenUnixMs,
    outcomes: inOrder(counts),
    statistics: statistics.result(),
    executions: latest(base.executions, added, settings),
    running: stillRunning(base.running, news),
    folded: memory.list(),
    accuracy: accuracy.result(),
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
    folded: nothingFolded,
    accuracy: [],
    members: [],
  }
}

/** The key that is kept already: most executions of a profile are of one task, and each came with a key of its own. */
const sameTask = (kept: TaskKey | undefined, task: TaskKey): TaskKey =>
  kept?.task === task.task && kept.namespace === task.namespace ? kept : task

const noToken = new Uint8Array(0)

/** Remembered beside the execution's own while its loss may still be corrected. */
const lostPrint = ({ executionId }: ExecutionRecord) => fingerprint(`${executionId}\u0000lost`)

/** What is left of a list that drops its oldest whenever it is full. */
function latest(
  before: readonly ExecutionRecord[],
  added: readonly ExecutionRecord[],
  { maxExecutions, droppedExecutions }: FoldSettings,
): readonly ExecutionRecord[] {
  let kept = before.length
  for (let i = 0; i < added.length; i++) {
    if (kept >= maxExecutions) kept -= Math.min(droppedExecutions, kept)
    kept += 1
  }
  const dropped = before.length + added.length - kept
  const all = before.concat(added)
  return dropped === 0 ? all : all.slice(dropped)
}

function stillRunning(
  running: readonly RunningExecution[],
  ended: readonly Finished[],
): readonly RunningExecution[] {
  if (running.length === 0) return running
  const ids = new Set(ended.map(({ record }) => record.executionId))
  return running.filter(({ executionId }) => !ids.has(executionId))
}

function countsOf(before: readonly OutcomeCount[]): Record<Outcome, number> {
  const counts: Record<Outcome, number> = {
    succeeded: 0,
    failed: 0,
    'out-of-memory': 0,
    'timed-out': 0,
    evicted: 0,
    cancelled: 0,
    lost: 0,
  }
  for (const { outcome, count } of before) counts[outcome] = count
  return counts
}

function inOrder(counts: Readonly<Record<Outcome, number>>): readonly OutcomeCount[] {
  const entries: OutcomeCount[] = []
  for (const outcome of outcomes) if (counts[outcome] > 0) entries.push({ outcome, count: counts[outcome] })
  return entries
}
