import type { TraceRow } from '../evaluate/trace.ts'
import { type ClusterSettings, type Moment, type Sizer, simulate } from './cluster.ts'
import { type JobOptions, jobsOf, type LeftOut } from './jobs.ts'
import { type ForesizeOptions, foresizeSizer, oracleSizer, requestSizer } from './sizers.ts'
import { type RunSummary, summarise } from './summary.ts'

export type SimulationOptions = JobOptions & ForesizeOptions & ClusterSettings

/** The same jobs on the same cluster, sized in three ways: as users asked (or by a default, where none did), by foresize, by an oracle. */
export interface Simulation {
  readonly trace: string
  readonly jobs: number
  readonly leftOut: LeftOut
  readonly options: SimulationOptions
  readonly runs: readonly RunSummary[]
}

export function compare(
  trace: string,
  rows: readonly TraceRow[],
  options: SimulationOptions,
): { readonly simulation: Simulation; readonly moments: readonly (readonly Moment[])[] } {
  const { jobs, leftOut } = jobsOf(rows, options)
  const isRequested = jobs.length === 0 || jobs.some((job) => job.isRequested)
  const sizers: readonly Sizer[] = [
    requestSizer(isRequested),
    foresizeSizer(options),
    oracleSizer(options.sizesCpu),
  ]
  const done = sizers.map((sizer) => {
    const run = simulate(jobs, sizer, options)
    return { summary: summarise(sizer.name, run, options), moments: run.moments }
  })
  const runs = done.map(({ summary }) => summary)
  return {
    simulation: { trace, jobs: jobs.length, leftOut, options, runs },
    moments: done.map(({ moments }) => moments),
  }
}
