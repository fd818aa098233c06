import type { EstimateQuery } from '../../../shared/domain/estimate.ts'
import type { ExecutionRecord } from '../../../shared/domain/execution.ts'
import type { Profile, ProfileKey } from '../../../shared/domain/profile.ts'
import { type Dimension, dimensions } from '../../../shared/domain/resources.ts'

/** Profiles to ask where a task has none of its own: its cohorts, the most telling first, and its namespace. */
export function kinKeys(
  { task, labels }: Pick<EstimateQuery, 'task' | 'labels'>,
  cohortLabels: readonly string[],
): { readonly cohorts: readonly ProfileKey[]; readonly namespace: ProfileKey } {
  const { namespace } = task
  return {
    cohorts: cohortLabels.flatMap((label) => {
      const value = labels[label]
      return value ? [{ namespace, kind: 'cohort' as const, task: `${label}=${value}` }] : []
    }),
    namespace: { namespace, kind: 'namespace', task: '' },
  }
}

/** Tasks that share a label or a namespace, each counted once however often it ran. */
export interface Kin {
  readonly key: ProfileKey
  readonly members: readonly KinMember[]
}

/** What one task has used, over those of its executions that the shared profile holds. */
export type KinMember = { readonly [D in Dimension]?: MemberSummary | undefined }

/** Unit: natural logarithms of the need, and of need / request where a request is known. */
export interface MemberSummary {
  readonly count: number
  readonly logMean: number
  /** Standard deviation of ln(need) within the task. */
  readonly logSpread: number
  readonly logMax: number
  /** Requests known, and over those the mean and the largest of ln(need/request). */
  readonly requests: number
  readonly ratioLogMean: number
  readonly ratioLogMax: number
}

/** In order of each task's latest execution. */
export function kinOf({ key, executions }: Pick<Profile, 'key' | 'executions'>): Kin {
  const byTask = new Map<string, ExecutionRecord[]>()
  for (const execution of executions) {
    const { task } = execution.task
    const sofar = byTask.get(task) ?? []
    byTask.delete(task)
    byTask.set(task, [...sofar, execution])
  }
  return { key, members: [...byTask.values()].map(summarise) }
}

function summarise(executions: readonly ExecutionRecord[]): KinMember {
  const out: { [D in Dimension]?: MemberSummary } = {}
  for (const d of dimensions) {
    let count = 0
    let mean = 0
    let squares = 0
    let max = Number.NEGATIVE_INFINITY
    let requests = 0
    let ratioMean = 0
    let ratioMax = Number.NEGATIVE_INFINITY
    for (const e of executions) {
      const used = e.used[d]
      if (e.outcome !== 'succeeded' || used === undefined || !(used > 0) || !Number.isFinite(used)) continue
      const l = Math.log(used)
      count++
      const delta = l - mean
      mean += delta / count
      squares += delta * (l - mean)
      if (l > max) max = l
      const request = e.requested[d]
      if (request === undefined || !(request > 0) || !Number.isFinite(request)) continue
      const ratio = l - Math.log(request)
      requests++
      ratioMean += (ratio - ratioMean) / requests
      if (ratio > ratioMax) ratioMax = ratio
    }
    if (count > 0)
      out[d] = {
        count,
        logMean: mean,
        logSpread: Math.sqrt(squares / count),
        logMax: max,
        requests,
        ratioLogMean: ratioMean,
        ratioLogMax: requests > 0 ? ratioMax : 0,
      }
  }
  return out
}
