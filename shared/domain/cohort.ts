import { needEvidence } from './evidence.ts'
import type { ExecutionRecord, Labels } from './execution.ts'
import { addValue, moments } from './moments.ts'
import type { ProfileKey } from './profile.ts'
import { profileLimits } from './profile-limits.ts'
import { type Dimension, dimensions } from './resources.ts'
import { maxNameBytes, type TaskKey } from './task.ts'

/** What one task contributes to its cohorts: a pure function of the executions that its profile retains. */
export interface CohortMember {
  readonly task: string
  /** Revision of the profile that was summarised: a later one replaces an earlier one. */
  readonly revision: number
  /** In order of `dimensions`; one that was never measured is left out. */
  readonly dimensions: readonly MemberSummary[]
}

/** Natural logarithms of the need in the dimension's unit, and of need over request where a request is known. */
export interface MemberSummary {
  readonly dimension: Dimension
  readonly count: number
  readonly logMean: number
  /** Population standard deviation within the task. */
  readonly logSpread: number
  readonly logMax: number
  /** Executions whose request is known. */
  readonly requests: number
  readonly ratioLogMean: number
  /** 0 where no request is known. */
  readonly ratioLogMax: number
}

export function summarise(
  task: string,
  revision: number,
  executions: readonly ExecutionRecord[],
): CohortMember {
  const summaries = dimensions.flatMap((dimension) => summariseDimension(dimension, executions) ?? [])
  return { task, revision, dimensions: summaries }
}

function summariseDimension(
  dimension: Dimension,
  executions: readonly ExecutionRecord[],
): MemberSummary | undefined {
  const needs = moments()
  const ratios = moments()
  let logMax = Number.NEGATIVE_INFINITY
  let ratioLogMax = Number.NEGATIVE_INFINITY
  for (const execution of executions) {
    const evidence = needEvidence(execution, dimension)
    if (evidence?.kind !== 'exact') continue
    // Accounting in whole seconds knows runs of none.
    const need = dimension === 'durationMs' ? Math.max(1, evidence.need) : evidence.need
    if (need === 0) continue
    const log = Math.log(need)
    addValue(needs, log)
    logMax = Math.max(logMax, log)
    const request = execution.requested[dimension]
    if (request === undefined || !(request > 0)) continue
    const ratio = log - Math.log(request)
    addValue(ratios, ratio)
    ratioLogMax = Math.max(ratioLogMax, ratio)
  }
  if (needs.count === 0) return undefined
  return {
    dimension,
    count: needs.count,
    logMean: needs.mean,
    logSpread: Math.sqrt(needs.squares / needs.count),
    logMax,
    requests: ratios.count,
    ratioLogMean: ratios.mean,
    ratioLogMax: ratios.count === 0 ? 0 : ratioLogMax,
  }
}

/**
 * Law: putting the same member again changes nothing; an older revision does not replace a newer one. Where there is no
 * room the one put least recently goes.
 */
export function putMember(members: readonly CohortMember[], member: CohortMember): readonly CohortMember[] {
  const before = members.find(({ task }) => task === member.task)
  if (before !== undefined && before.revision >= member.revision) return members
  return [...members.filter(({ task }) => task !== member.task), member].slice(-profileLimits.members)
}

/** The profile of all tasks of a namespace in summary. */
export const namespaceKey = ({ namespace }: Pick<TaskKey, 'namespace'>): ProfileKey => ({
  namespace,
  kind: 'namespace',
  task: '',
})

/** Labels that make a cohort, the most specific first. */
export const defaultCohortLabels: readonly string[] = [
  'image',
  'container',
  'tool',
  'program',
  'process',
  'workflow',
  'pipeline',
  'queue',
]

/** Whether a label can make cohorts that no name of a task makes: theirs begin with `name=` and `stem=`. */
export const isCohortLabel = (label: string): boolean =>
  label !== '' && label !== 'name' && label !== 'stem' && !label.includes('=')

/**
 * The cohorts of a task, the closest first: by its labels, by the last part of its name, by the word that this begins with,
 * its namespace. A name longer than a key may be makes none.
 * The profiler puts the task's summary in each; the estimator asks for them in this order.
 */
export function cohortKeys(
  { namespace, task }: TaskKey,
  labels: Labels,
  cohortLabels: readonly string[] = defaultCohortLabels,
): readonly ProfileKey[] {
  const names = cohortLabels.flatMap((label) => (labels[label] ? [`${label}=${labels[label]}`] : []))
  const part = namePart(task)
  if (part !== undefined) names.push(`name=${part}`)
  const stem = part === undefined ? undefined : stemOf(part)
  if (stem !== undefined) names.push(`${stemPrefix}${stem}`)
  return [
    ...names
      .filter((name) => utf8Bytes(name) <= maxNameBytes)
      .map((name) => ({ namespace, kind: 'cohort' as const, task: name })),
    namespaceKey({ namespace }),
  ]
}

function utf8Bytes(text: string): number {
  let bytes = 0
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
  }
  return bytes
}

/** The last part of a name that names something: `NFCORE_MAG:MAG:FASTQC` gives `fastqc`, `iuc/fastp/0.20.1+galaxy0` gives `fastp`. */
function namePart(task: string): string | undefined {
  return task
    .toLowerCase()
    .split(/[:/.\s]+/)
    .findLast((part) => /[a-z]{2}/.test(part) && !/^v?\d/.test(part) && !/galaxy\d/.test(part))
}

/** The word that a part of a name begins with, mostly the tool: `samtools` of `samtools_sort`. */
function stemOf(part: string): string | undefined {
  const first = part.split(/[_-]/).find((word) => word !== '')
  return first !== undefined && /[a-z]{2}/.test(first) ? first : undefined
}

const stemPrefix = 'stem='

/** Whether a cohort is of tasks that share no more than the word that their names begin with. */
export const isStem = (name: string): boolean => name.startsWith(stemPrefix)
