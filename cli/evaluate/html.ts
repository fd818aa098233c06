import { visibleHtml } from '../../shared/domain/text.ts'
import { formatBytes } from '../quantity.ts'
import type { Backtest, SizedPoint } from './backtest.ts'
import type { DistanceScore } from './jump.ts'
import { calibration } from './metrics.ts'
import { distanceText, figure, wastageOf } from './report-table.ts'
import { barChart, calibrationChart, sizingChart } from './svg.ts'

/** Tasks shown one by one, those that use most. */
const tasksShown = 4
/** Executions drawn of each, the latest. */
const executionsShown = 400

const style = `
body { font: 15px/1.45 system-ui, sans-serif; color: #1c2733; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
h1, h2, h3 { line-height: 1.2 } h2 { margin-top: 3rem; border-top: 1px solid #d7dee5; padding-top: 1.5rem }
h3 { margin-bottom: .3rem; font-size: 1rem } p { max-width: 45rem }
svg { font-size: 12px; fill: #1c2733; max-width: 100%; height: auto }
.ours { fill: #0a7d55 } .other { fill: #b9c4cf } .used { fill: #c2410c }
.given { fill: none; stroke: #0a7d55; stroke-width: 1.5 } .grid { stroke: #e3e8ed } .other-line { stroke: #8896a5 }
@media (prefers-color-scheme: dark) {
  body { background: #12181f; color: #d9e1e8 } svg { fill: #d9e1e8 } h2 { border-color: #2b3641 }
  .grid { stroke: #2b3641 } .other { fill: #4d5b69 } .ours { fill: #2fbf8f } .given { stroke: #2fbf8f } .used { fill: #f59e6b }
}`

/** One page, complete in itself, with a section for each trace. */
export function htmlReport(backtests: readonly Backtest[], headline: string): string {
  const sections = backtests.map(section).join('\n')
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>foresize evaluate</title><style>${style}</style></head><body>
<h1>What foresize would have given</h1>
<p><strong>${visibleHtml(headline)}</strong></p>
<p>Every execution was sized before its need was known. Wasted is what was given and not used, over the run time where
it is known; an attempt that failed for want of memory is wasted whole.</p>
${sections}
</body></html>
`
}

function section({ score, forecasts, points }: Backtest): string {
  const { trace, executions, used_gb, used_gb_hours, confidence, duration, cpu } = score
  const used =
    used_gb_hours === null ? `${figure(used_gb)} GB (no run times)` : `${figure(used_gb_hours)} GB·h`
  const facts = [
    `${executions.toLocaleString('en-US')} executions used ${used}.`,
    confidence === null ? '' : `Confidence is off by ${figure(confidence.ece)} on average.`,
    duration === null ? '' : `The median error of the predicted run time is ${percent(duration.mdape)}.`,
    cpu === null ? '' : `That of the predicted CPU is ${percent(cpu.mdape)}.`,
  ]
  const pictures = executions === 0 ? '' : memoryPictures({ score, forecasts, points })
  const text = facts.filter((fact) => fact !== '').join(' ')
  return `<h2>${visibleHtml(trace)}</h2>\n<p>${text}</p>\n${pictures}${jumpTable(score.jump)}`
}

function memoryPictures({ score, forecasts, points }: Omit<Backtest, 'requests'>): string {
  const unit = score.used_gb_hours === null ? 'GB' : 'GB·h'
  const bars = Object.entries(score.methods)
    .sort(([, a], [, b]) => wastageOf(a) - wastageOf(b))
    .map(([label, method]) => ({
      label,
      value: wastageOf(method),
      shown: `${figure(wastageOf(method))} ${unit}, ${method.failures} failed`,
      ours: label === 'foresize',
    }))
  const tasks = largestTasks(points).map(
    ([task, own]) =>
      `<h3>${visibleHtml(task)}</h3>\n${sizingChart(
        `Given and used over the executions of ${task}`,
        own
          .slice(-executionsShown)
          .map(({ givenBytes, usedBytes }) => ({ given: givenBytes, used: usedBytes })),
        formatBytes,
      )}`,
  )
  return `<h3>Wasted by each way to size</h3>
${barChart('Wasted by each way to size', bars)}
<h3>How often what was called likely came true</h3>
<p>Each circle is a bin of answers: the probability given to the right, the share that sufficed upwards.</p>
${calibrationChart('Share that sufficed against probability given', calibration(forecasts, 20))}
<h3>Given (line) and used (dots), execution by execution</h3>
${tasks.join('\n')}`
}

/** Nothing without `--jump`. */
function jumpTable(scores: readonly DistanceScore[] | undefined): string {
  if (scores === undefined || scores.length === 0) return ''
  const rows = scores.map(
    (score) =>
      `<tr><td>${distanceText(score)}</td><td>${score.asked}</td><td>${percent(score.sufficed)}</td>` +
      `<td>${percent(score.promised)}</td><td>${figure(score.median_given_per_need)}</td></tr>`,
  )
  return `<h3>Beyond the inputs learned</h3>
<p>The smaller half of each task by input_bytes was learned, the larger half asked.</p>
<table><tr><th>input, of the largest learned</th><th>answers</th><th>sufficed</th><th>promised</th><th>given / used</th></tr>
${rows.join('\n')}</table>`
}

function largestTasks(points: readonly SizedPoint[]): readonly [string, readonly SizedPoint[]][] {
  const byTask = Map.groupBy(points, ({ task }) => task)
  const weightOf = (own: readonly SizedPoint[]) =>
    own.reduce((total, { gigabyteHours, usedBytes }) => total + gigabyteHours + usedBytes / 1e15, 0)
  return [...byTask].sort(([, a], [, b]) => weightOf(b) - weightOf(a)).slice(0, tasksShown)
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`
