import { dimensionKinds, type QuantityKind } from '../../console/plots/quantity-scale.ts'
import { type StepLine, stepsPlot } from '../../console/plots/steps-plot.ts'
import { visibleHtml } from '../../shared/domain/text.ts'
import { figure } from '../report/figure.ts'
import { reportPage, reportTable } from '../report/page.ts'
import type { Moment } from './cluster.ts'
import type { Simulation } from './compare.ts'
import { headlineOf } from './headline.ts'
import { figures, shownCluster } from './report.ts'

export interface Pictured {
  readonly simulation: Simulation
  /** Of each run, in the order of `simulation.runs`. */
  readonly moments: readonly (readonly Moment[])[]
}

const introduction = `<p>The same work on the same cluster, first come first served on equal nodes. An execution given less
memory than it needs is killed and runs again. foresize starts without history and learns as executions end; the oracle
gives to the byte what each will use.</p>`

/** One page, complete in itself. */
export function htmlPage(pictured: readonly Pictured[]): string {
  return reportPage({
    title: 'foresize simulate',
    headline: headlineOf(pictured.map(({ simulation }) => simulation)),
    introduction,
    sections: pictured.map(section),
  })
}

function section({ simulation, moments }: Pictured): string {
  const { trace, jobs, options, runs } = simulation
  const head = `<h2>${visibleHtml(trace)}</h2>\n<p>${jobs.toLocaleString('en-US')} executions on ${shownCluster(options)}.</p>`
  if (jobs === 0) return head
  const rows = figures.map(({ title, value, show }) => [title, ...runs.map((run) => show(value(run)))])
  const lines = (of: (moment: Moment) => number): readonly StepLine[] =>
    runs.map(({ name }, run) => ({ label: name, look: lookOf(name), points: steps(moments[run] ?? [], of) }))
  const drawn = (title: string, y: QuantityKind, of: (moment: Moment) => number) =>
    figure(title, (width) => stepsPlot({ size: { width, height: 280 }, x: sinceFirst, y, lines: lines(of) }))
  return [
    head,
    reportTable(['figure', ...runs.map(({ name }) => visibleHtml(name))], rows, `Figures of ${trace}`),
    drawn('Waiting in the queue', waiting, ({ queued }) => queued),
    drawn('Memory given', memory, ({ givenBytes }) => givenBytes),
    drawn('Memory used', memory, ({ usedBytes }) => usedBytes),
  ].join('\n')
}

const sinceFirst: QuantityKind = { ...dimensionKinds.durationMs, title: 'time since the first submission' }
const memory: QuantityKind = { ...dimensionKinds.memoryBytes, title: 'memory, all nodes' }
const waiting: QuantityKind = {
  title: 'executions waiting',
  units: [1],
  format: (value) => value.toLocaleString('en-US'),
}

const lookOf = (name: string): StepLine['look'] =>
  name === 'foresize' ? 'ours' : name === 'oracle' ? 'bound' : 'other'

/** Points that a line is drawn of at most. */
const mostSteps = 360

/** The largest value in each of so many spans of time; a value holds until the next. */
function steps(moments: readonly Moment[], of: (moment: Moment) => number): StepLine['points'] {
  const lastMs = moments.at(-1)?.atMs ?? 0
  const points: StepLine['points'][number][] = []
  let [value, at] = [0, 0]
  for (let step = 0; step < mostSteps; step++) {
    const endMs = ((step + 1) / mostSteps) * lastMs
    let largest = value
    for (; at < moments.length && (moments[at] as Moment).atMs <= endMs; at++) {
      value = of(moments[at] as Moment)
      largest = Math.max(largest, value)
    }
    points.push({ x: (step / mostSteps) * lastMs, y: largest })
  }
  return [...points, { x: lastMs, y: value }]
}
