import type { Outcome } from '../../shared/domain/execution.ts'
import type { LoggedExecution } from './history.ts'
import { idOf, known, labelsOf } from './values.ts'

/** One attempt at running a job, as `sacct` tells it in any of its forms. */
export interface SlurmJob {
  readonly line: number
  readonly cluster: string
  readonly id: string
  readonly name: string
  readonly comment: string
  readonly partition: string
  /** As Slurm names it, cut off with `+` where the column was narrow. */
  readonly state: string
  /** `0:125` is an OOM kill where the state does not say so. */
  readonly exitCode: string
  readonly cores: number | undefined
  readonly requestedBytes: number | undefined
  readonly limitMs: number | undefined
  readonly elapsedMs: number | undefined
  readonly cpuSeconds: number | undefined
  /** Attempts before this one, where the log counts them. */
  readonly restarts: number | undefined
  /** What tells it from its other attempts: when it was submitted, or else started or ended. */
  readonly when: string
  readonly startedAtMs: number | undefined
  readonly endedAtUnixMs: number | undefined
  readonly steps: readonly SlurmStep[]
  readonly field: (column: string) => string | undefined
}

export interface SlurmStep {
  readonly state: string
  /** All tasks of the step together, on all nodes. */
  readonly peakBytes: number | undefined
  readonly cpuSeconds: number | undefined
}

/** Turns attempts into executions, in the order of the log: those at one job follow each other. */
export function slurmJobs(): (job: SlurmJob) => LoggedExecution | undefined {
  let before: { readonly id: string; readonly when: string; readonly attempt: number } | undefined
  return (job) => {
    const isAgain = before?.id === job.id
    const attempt = job.restarts === undefined ? (isAgain ? (before?.attempt ?? 0) : 0) + 1 : job.restarts + 1
    // Where nothing else tells attempts apart, their order does.
    const ordinal = isAgain && before?.when === job.when ? [String(attempt)] : []
    before = { id: job.id, when: job.when, attempt }
    const outcome = outcomeOf(job)
    if (outcome === undefined) return undefined
    const { task, features, labels } = commentOf(job.comment)
    const requested = known({
      memoryBytes: job.requestedBytes,
      cpuCores: job.cores,
      durationMs: job.limitMs,
    })
    return {
      line: job.line,
      id: idOf('sacct', job.cluster, job.id, job.when, ...ordinal),
      task: task ?? taskOf(job),
      attempt,
      features,
      labels: { ...labels, ...labelsOf({ queue: job.partition }) },
      requested,
      allocated: requested,
      used: usedBy(job),
      outcome,
      startedAtMs: job.startedAtMs,
      endedAtUnixMs: job.endedAtUnixMs,
      field: job.field,
    }
  }
}

/** The peak of the largest step, as seff(1) has it; CPU of the job, or of its steps where the job does not say. */
function usedBy({ steps, elapsedMs, cpuSeconds }: SlurmJob) {
  const peaks = steps.flatMap(({ peakBytes }) => peakBytes ?? [])
  const seconds = cpuSeconds || steps.reduce((sum, step) => sum + (step.cpuSeconds ?? 0), 0)
  return known({
    memoryBytes: peaks.length === 0 ? undefined : Math.max(...peaks),
    durationMs: elapsedMs,
    cpuCores: elapsedMs === undefined || elapsedMs <= 0 ? undefined : (seconds * 1000) / elapsedMs,
  })
}

const outcomes: Readonly<Record<string, Outcome | 'requeued'>> = {
  COMPLETED: 'succeeded',
  FAILED: 'failed',
  DEADLINE: 'failed',
  OUT_OF_MEMORY: 'out-of-memory',
  TIMEOUT: 'timed-out',
  CANCELLED: 'cancelled',
  PREEMPTED: 'evicted',
  NODE_FAIL: 'lost',
  BOOT_FAIL: 'lost',
  REQUEUED: 'requeued',
}

export const slurmStates = [
  ...Object.keys(outcomes),
  'RUNNING',
  'PENDING',
  'SUSPENDED',
  'RESIZING',
  'REVOKED',
]

/** `CANCELLED by 1000` and `OUT_OF_ME+` are states too. */
export function slurmState(text: string): string {
  const word = text.toUpperCase().split(' ')[0] ?? ''
  if (!word.endsWith('+')) return word
  const meant = slurmStates.filter((state) => state.startsWith(word.slice(0, -1)))
  return meant.length === 1 ? (meant[0] ?? word) : word
}

const outcomeIn = (state: string) => {
  const word = slurmState(state)
  return Object.hasOwn(outcomes, word) ? outcomes[word] : undefined
}

/** An attempt that was requeued ended as its steps did; where none says, it had to make room. */
function outcomeOf({ state, exitCode, steps }: SlurmJob): Outcome | undefined {
  const outcome = outcomeIn(state)
  if (outcome === undefined || outcome === 'succeeded') return outcome
  const ended = steps.map((step) => outcomeIn(step.state))
  const hidesCause = outcome === 'requeued' || outcome === 'failed' || outcome === 'cancelled'
  if (hidesCause && (exitCode === '0:125' || ended.includes('out-of-memory'))) return 'out-of-memory'
  if (outcome !== 'requeued') return outcome
  const cause = (['timed-out', 'lost', 'evicted', 'failed'] as const).find((each) => ended.includes(each))
  return cause ?? 'evicted'
}

const uuid = '[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}'
const snakemakeRun = new RegExp(`^${uuid}$`, 'i')
const runBehindRule = new RegExp(`[-_]${uuid}$`, 'i')

/**
 * Nextflow names its jobs `nf-PROCESS_(tag)`; Snakemake names them after its run, alone or behind the rule, and writes the
 * rule into the comment.
 */
function taskOf({ name, comment }: Pick<SlurmJob, 'name' | 'comment'>): string {
  const ofNextflow = /^nf-(.+?)(?:_\([\s\S]*)?$/.exec(name)?.[1]
  if (ofNextflow !== undefined) return ofNextflow
  const rule = /^rule_(.+?)(?:_wildcards_[\s\S]*)?$/.exec(comment)?.[1]
  return rule !== undefined && snakemakeRun.test(name) ? rule : name.replace(runBehindRule, '')
}

/** `task=align,input_bytes=1e6;kind=full`: numbers are features, words are labels. Tokens are nobody's label. */
function commentOf(comment: string) {
  const features: Record<string, number> = {}
  const labels: Record<string, string> = {}
  let task: string | undefined
  for (const [, key = '', value = ''] of comment.matchAll(/([A-Za-z_][\w.-]{0,255})=([^\s,;]+)/g)) {
    const number = Number(value)
    if (key === 'task') task = value
    else if (key === 'attempt' || /token/i.test(key)) continue
    else if (Number.isFinite(number)) features[key] = number
    else labels[key] = value
  }
  return { task, features, labels: labelsOf(labels) }
}
