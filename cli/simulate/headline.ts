import { formatDuration } from '../../shared/domain/quantity-text.ts'
import type { Simulation } from './compare.ts'
import { gbHours } from './report.ts'
import type { RunSummary } from './summary.ts'

/** What foresize changed on the simulated cluster, in a sentence. */
export function headlineOf(simulations: readonly Simulation[]): string {
  const pairs = simulations.flatMap(({ jobs, runs }) => {
    const [before, after] = [runs[0], runs.find(({ name }) => name === 'foresize')]
    return jobs === 0 || before === undefined || after === undefined ? [] : [{ jobs, before, after }]
  })
  const [only] = pairs
  if (only === undefined) return 'No execution could be run, so nothing can be said.'
  const sum = (of: (pair: (typeof pairs)[number]) => number) => pairs.reduce((all, pair) => all + of(pair), 0)
  const executions = sum(({ jobs }) => jobs)
  const wasted = `${gbHours(sum(({ after }) => after.wastedGbHours))} of memory wasted instead of ${gbHours(sum(({ before }) => before.wastedGbHours))}`
  const names = new Set(pairs.map(({ before }) => before.name))
  const rival = names.size > 1 ? 'requests and defaults' : [...names].join('')
  const kills = `${count(
    sum(({ after }) => after.kills),
    'kill',
  )} (with ${rival} ${sum(({ before }) => before.kills).toLocaleString('en-US')})`
  const what = `With foresize instead of ${rival}, ${count(executions, 'execution')}`
  if (pairs.length > 1) return `${what} in ${pairs.length} histories: ${wasted}, ${kills}.`
  return `${what} ${finished(only)}: ${wasted}, ${kills}.`
}

function finished({ before, after }: { readonly before: RunSummary; readonly after: RunSummary }): string {
  const inTurn = (of: (run: RunSummary) => number) =>
    `${formatDuration(of(after))} instead of ${formatDuration(of(before))}`
  return `took ${inTurn(({ makespanMs }) => makespanMs)} and waited ${inTurn(({ queueMs }) => queueMs.mean)} on average`
}

const count = (number: number, what: string) =>
  `${number.toLocaleString('en-US')} ${what}${number === 1 ? '' : 's'}`
