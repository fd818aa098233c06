import { visibleHtml } from '../../shared/domain/text.ts'
import { formatBytes, formatDuration } from '../quantity.ts'
import { chart } from './chart.ts'
import type { Moment } from './cluster.ts'
import type { Simulation } from './compare.ts'
import { figures, shownCluster } from './report.ts'

export interface Pictured {
  readonly simulation: Simulation
  /** Of each run, in the order of `simulation.runs`. */
  readonly moments: readonly (readonly Moment[])[]
}

const style = `
body { font: 15px/1.45 system-ui, sans-serif; color: #1c2733; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
h1, h2, h3 { line-height: 1.2 } h2 { margin-top: 3rem; border-top: 1px solid #d7dee5; padding-top: 1.5rem }
h3 { margin-bottom: .3rem; font-size: 1rem } table { border-collapse: collapse } td, th { padding: .2rem 1rem .2rem 0 }
td + td, th + th { text-align: right; font-variant-numeric: tabular-nums }
svg { font-size: 12px; fill: #1c2733; max-width: 100%; height: auto } .grid { stroke: #e3e8ed }
polyline { fill: none; stroke-width: 1.6 } .run0 { stroke: #c2410c } .run1 { stroke: #0a7d55 } .run2 { stroke: #8896a5 }
.key { stroke-width: 3 }
@media (prefers-color-scheme: dark) {
  body { background: #12181f; color: #d9e1e8 } svg { fill: #d9e1e8 } h2 { border-color: #2b3641 }
  .grid { stroke: #2b3641 } .run0 { stroke: #f59e6b } .run1 { stroke: #2fbf8f } .run2 { stroke: #66757f }
}`

/** One page, complete in itself. */
export function htmlPage(simulations: readonly Pictured[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>foresize simulate</title><style>${style}</style></head><body>
<h1>The same work, sized in three ways</h1>
<p>First come first served on equal nodes. An execution given less memory than it needs is killed and runs again.
foresize starts without history and learns as executions end; the oracle gives to the byte what each will use.</p>
${simulations.map(section).join('\n')}
</body></html>
`
}

function section({ simulation, moments }: Pictured): string {
  const { trace, jobs, options, runs } = simulation
  const head = `<h2>${visibleHtml(trace)}</h2>\n<p>${jobs.toLocaleString('en-US')} executions on ${shownCluster(options)}.</p>`
  if (jobs === 0) return head
  const rows = figures.map(({ title, value, show }) => {
    return `<tr><td>${title}</td>${runs.map((run) => `<td>${show(value(run))}</td>`).join('')}</tr>`
  })
  const names = runs.map(({ name }) => name)
  const lines = (of: (moment: Moment) => number) =>
    moments.map((run) => run.map((moment) => ({ x: moment.atMs, y: of(moment) })))
  return `${head}
<table><tr><th></th>${names.map((name) => `<th>${name}</th>`).join('')}</tr>${rows.join('')}</table>
<h3>Waiting in the queue</h3>
${chart(
  names,
  lines(({ queued }) => queued),
  formatDuration,
  (value) => `${Math.round(value)}`,
)}
<h3>Memory given</h3>
${chart(
  names,
  lines(({ givenBytes }) => givenBytes),
  formatDuration,
  formatBytes,
)}
<h3>Memory used</h3>
${chart(
  names,
  lines(({ usedBytes }) => usedBytes),
  formatDuration,
  formatBytes,
)}`
}
