import { barsPlot } from '../../console/plots/bars-plot.ts'
import { calibrationPlot } from '../../console/plots/calibration-plot.ts'
import { historyPlot } from '../../console/plots/history-plot.ts'
import { dimensionKinds } from '../../console/plots/quantity-scale.ts'
import { formatBytes } from '../../shared/domain/quantity-text.ts'
import { visible, visibleHtml } from '../../shared/domain/text.ts'
import { formatShare } from '../quantity.ts'
import { figure } from '../report/figure.ts'
import { reportPage, reportTable } from '../report/page.ts'
import type { Backtest, SizedPoint } from './backtest.ts'
import type { DistanceScore } from './jump.ts'
import { calibration } from './metrics.ts'
import { distanceText, figure as shownFigure, wastageOf } from './report-table.ts'

/** Tasks shown one by one, those that use most. */
const tasksShown = 4
/** Executions drawn of each, the latest. */
const executionsShown = 400

const introduction = `<p>Every execution was sized before its need was known. Wasted is what was given and not used, over
the run time where it is known; an attempt that failed for want of memory is wasted whole.</p>`

/** One page, complete in itself, with a section for each trace. */
export function htmlReport(backtests: readonly Backtest[], headline: string): string {
  return reportPage({
    title: 'foresize evaluate',
    headline,
    introduction,
    sections: backtests.map(section),
  })
}

function section(backtest: Backtest): string {
  const { trace, executions, used_gb, used_gb_hours, confidence, duration, cpu, jump } = backtest.score
  const used =
    used_gb_hours === null
      ? `${shownFigure(used_gb)} GB (no run times)`
      : `${shownFigure(used_gb_hours)} GB·h`
  const facts = [
    `${executions.toLocaleString('en-US')} executions used ${used}.`,
    confidence === null ? '' : `Confidence is off by ${shownFigure(confidence.ece)} on average.`,
    duration === null ? '' : `The median error of the predicted run time is ${formatShare(duration.mdape)}.`,
    cpu === null ? '' : `That of the predicted CPU is ${formatShare(cpu.mdape)}.`,
  ]
  const figures = executions === 0 ? [] : figuresOf(backtest)
  const text = facts.filter((fact) => fact !== '').join(' ')
  return [`<h2>${visibleHtml(trace)}</h2>`, `<p>${text}</p>`, ...figures, jumpTable(jump)].join('\n')
}

function figuresOf(backtest: Backtest): readonly string[] {
  const bins = calibration(backtest.forecasts, 20)
  const points = bins.map(({ given, found, count }) => ({ given, found, weight: count }))
  return [
    wastage(backtest),
    figure('How often what was called likely came true', (width) =>
      calibrationPlot(points, { width: Math.min(width, 480), height: 340 }),
    ),
    ...largestTasks(backtest.points).map(([task, own]) => history(task, own.slice(-executionsShown))),
  ]
}

function wastage({ score, requests }: Pick<Backtest, 'score' | 'requests'>): string {
  const unit = score.used_gb_hours === null ? 'GB' : 'GB·h'
  const methods = Object.entries(score.methods)
    // Without a request it is the default, and no way to size that anyone has chosen.
    .filter(([name]) => name !== 'request' || requests > 0)
    .sort(([, a], [, b]) => wastageOf(a) - wastageOf(b))
  const nameOf = (name: string) =>
    name === 'request' && requests < score.executions
      ? `request (of ${Math.round((100 * requests) / score.executions)} %)`
      : name
  const bars = methods.map(([name, method]) => ({
    label: nameOf(name),
    value: wastageOf(method),
    shown: `${shownFigure(wastageOf(method))} ${unit}, ${method.failures} failed`,
    isOurs: name === 'foresize',
  }))
  const title = `Wasted by each way to size, ${unit}, and attempts that failed`
  return figure(title, (width) => barsPlot(bars, title, width))
}

function history(task: string, sized: readonly SizedPoint[]): string {
  const name = visible(task)
  const points = sized.map(({ givenBytes, usedBytes, requestedBytes, isKilled }, at) => ({
    at,
    requested: requestedBytes,
    given: givenBytes,
    used: usedBytes,
    isKilled,
    title: `given ${formatBytes(givenBytes)}, used ${formatBytes(usedBytes)}`,
  }))
  return figure(`${name}: the latest ${sized.length} executions`, (width) =>
    historyPlot({
      size: { width, height: 300 },
      quantity: dimensionKinds.memoryBytes,
      at: 'order',
      points,
    }),
  )
}

/** Nothing without `--jump`. */
function jumpTable(scores: readonly DistanceScore[] | undefined): string {
  if (scores === undefined || scores.length === 0) return ''
  const rows = scores.map((score) => [
    distanceText(score),
    String(score.asked),
    formatShare(score.sufficed),
    formatShare(score.promised),
    shownFigure(score.median_given_per_need),
  ])
  const head = ['input, of the largest learned', 'answers', 'sufficed', 'promised', 'given / used']
  return `<h3>Beyond the inputs learned</h3>
<p>The smaller half of each task by input_bytes was learned, the larger half asked.</p>
${reportTable(head, rows, 'Beyond the inputs learned')}`
}

function largestTasks(points: readonly SizedPoint[]): readonly [string, readonly SizedPoint[]][] {
  const byTask = Map.groupBy(points, ({ task }) => task)
  const weightOf = (own: readonly SizedPoint[]) =>
    own.reduce((total, { gigabyteHours, usedBytes }) => total + gigabyteHours + usedBytes / 1e15, 0)
  return [...byTask].sort(([, a], [, b]) => weightOf(b) - weightOf(a)).slice(0, tasksShown)
}
