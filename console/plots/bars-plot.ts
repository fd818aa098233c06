import { barX, type PlotOptions, ruleX, text } from '@observablehq/plot'
import { framed } from './frame.ts'
import { colours } from './palette.ts'

export interface Bar {
  readonly label: string
  readonly value: number
  /** Written at its end. */
  readonly shown: string
  /** In the accent colour. */
  readonly isOurs: boolean
}

const rowHeight = 24
const letterWidth = 6.6

/** Horizontal bars as long as their values, in the order given, each with its label and its value in letters. */
export function barsPlot(bars: readonly Bar[], title: string, width: number): PlotOptions {
  const longest = (of: (bar: Bar) => string) =>
    Math.max(0, ...bars.map((bar) => of(bar).length)) * letterWidth
  const marginLeft = Math.min(width * 0.45, 16 + longest(({ label }) => label))
  return framed({
    size: { width, height: bars.length * rowHeight + 56 },
    description: `${title}: ${bars.map(({ label, shown }) => `${label} ${shown}`).join('; ')}.`,
    legend: [],
    x: { label: '', axis: null, domain: [0, Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE)] },
    y: { domain: bars.map(({ label }) => label), label: '', grid: false, tickSize: 0 },
    marginLeft,
    marginRight: 14 + longest(({ shown }) => shown),
    marks: [
      barX(bars, {
        x: 'value',
        y: 'label',
        fill: ({ isOurs }: Bar) => (isOurs ? colours.given : colours.requested),
        insetTop: 3,
        insetBottom: 3,
      }),
      text(bars, { x: 'value', y: 'label', text: 'shown', textAnchor: 'start', dx: 6, fill: colours.text }),
      ruleX([0], { stroke: colours.requested }),
    ],
  })
}
