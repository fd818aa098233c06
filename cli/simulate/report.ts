import { formatBytes, formatDuration } from '../../shared/domain/quantity-text.ts'
import { formatShare } from '../quantity.ts'
import { type Column, table } from '../table.ts'
import type { Simulation } from './compare.ts'
import type { RunSummary } from './summary.ts'

interface Figure {
  readonly title: string
  readonly value: (run: RunSummary) => number
  readonly show: (value: number) => string
}

const count = (value: number) => value.toLocaleString('en-US')
/** `12.3 GB·h` */
export const gbHours = (value: number) =>
  `${value.toLocaleString('en-US', { maximumSignificantDigits: 3 })} GB·h`

/** What is shown of each run, in order. */
export const figures: readonly Figure[] = [
  { title: 'makespan', value: ({ makespanMs }) => makespanMs, show: formatDuration },
  { title: 'queue time, mean', value: ({ queueMs }) => queueMs.mean, show: formatDuration },
  { title: 'queue time, 95 %', value: ({ queueMs }) => queueMs.p95, show: formatDuration },
  { title: 'turnaround, mean', value: ({ turnaroundMs }) => turnaroundMs.mean, show: formatDuration },
  { title: 'memory used', value: ({ memoryUsedShare }) => memoryUsedShare, show: formatShare },
  { title: 'memory given', value: ({ memoryGivenShare }) => memoryGivenShare, show: formatShare },
  { title: 'cores used', value: ({ cpuUsedShare }) => cpuUsedShare, show: formatShare },
  { title: 'memory wasted', value: ({ wastedGbHours }) => wastedGbHours, show: gbHours },
  { title: 'of it by kills', value: ({ killedGbHours }) => killedGbHours, show: gbHours },
  { title: 'kills', value: ({ kills }) => kills, show: count },
  { title: 'retries', value: ({ retries }) => retries, show: count },
  { title: 'given up', value: ({ givenUp }) => givenUp, show: count },
]

/** `4 nodes of 41.0 GiB and 56 cores` */
export function shownCluster({ nodes, nodeMemoryBytes, nodeCores }: Simulation['options']): string {
  return `${nodes} ${nodes === 1 ? 'node' : 'nodes'} of ${formatBytes(nodeMemoryBytes)} and ${nodeCores} cores`
}

/** `isDrawn`: the cluster, or part of it, is drawn from the history. */
export function describe(simulation: Simulation, isDrawn: boolean, width: number | undefined): string {
  const { trace, jobs, leftOut, options, runs } = simulation
  const cluster = `${shownCluster(options)}${isDrawn ? ', drawn from the history' : ''}`
  const notes = [
    ...(leftOut.incomplete > 0
      ? [`${count(leftOut.incomplete)} rows left out: not completed, or without run time or peak`]
      : []),
    ...(leftOut.tooLarge > 0 ? [`${count(leftOut.tooLarge)} rows left out: larger than a node`] : []),
  ]
  const head = [`${trace}: ${count(jobs)} executions on ${cluster}`, ...notes].join('\n')
  if (jobs === 0) return `${head}\n`
  const columns: readonly Column<Figure>[] = [
    { title: '', value: ({ title }) => title },
    ...runs.map((run) => ({
      title: run.name,
      align: 'right' as const,
      value: ({ value, show }: Figure) => show(value(run)),
    })),
  ]
  return `${head}\n\n${table(columns, figures, width)}`
}
