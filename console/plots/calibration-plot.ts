import { dot, line, type PlotOptions } from '@observablehq/plot'
import { framed, type PlotSize } from './frame.ts'
import { colours } from './palette.ts'

/** Answers of about the same probability: what was given, and the share of them that sufficed; 0 to 1. */
export interface CalibrationPoint {
  readonly given: number
  readonly found: number
  readonly weight: number
}

/** Share that sufficed against probability given; the diagonal is perfect, larger circles are more executions. */
export function calibrationPlot(points: readonly CalibrationPoint[], size: PlotSize): PlotOptions {
  const most = Math.max(...points.map(({ weight }) => weight), 1)
  const axis = { domain: [0, 1], ticks: [0, 0.25, 0.5, 0.75, 1], tickFormat: percent }
  return framed({
    size,
    description: `Of answers in ${points.length} bins of probability, the share that sufficed.`,
    legend: [
      { label: 'answers of that probability', shape: 'dot', colour: colours.given },
      { label: 'perfect', shape: 'dashed', colour: colours.requested },
    ],
    x: { ...axis, label: 'probability given', grid: true },
    y: { ...axis, label: 'sufficed' },
    marks: [
      line(
        [
          [0, 0],
          [1, 1],
        ],
        { stroke: colours.requested, strokeDasharray: '4,3' },
      ),
      dot(points, {
        x: 'given',
        y: 'found',
        r: ({ weight }: CalibrationPoint) => 3 + 7 * Math.sqrt(weight / most),
        fill: colours.given,
        fillOpacity: 0.8,
        title: ({ given, found, weight }: CalibrationPoint) =>
          `given ${percent(given)}\nsufficed ${percent(found)}\n${Math.round(weight)} executions`,
        tip: true,
      }),
    ],
  })
}

const percent = (share: number) => `${Math.round(share * 100)} %`
