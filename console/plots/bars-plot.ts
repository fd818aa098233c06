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
const labelHeight = 16
const letterWidth = 6.8

/** Of the width, for the bars themselves: with less the labels stand above them. */
const leastForBars = 0.4

/** Horizontal bars as long as their values, in the order given, each with its label and its value in letters. */
export function barsPlot(bars: readonly Bar[], title: string, width: number): PlotOptions {
  const widest = (of: (bar: Bar) => string) => Math.max(0, ...bars.map((bar) => of(bar).length)) * letterWidth
  const beside = 16 + widest(({ label }) => label)
  const marginRight = 14 + widest(({ shown }) => shown)
  const isStacked = width - beside - marginRight < leastForBars * width
  const insetTop = 3 + (isStacked ? labelHeight : 0)
  const height = bars.length * (rowHeight + (isStacked ? labelHeight : 0)) + 8
  const label = { y: 'label', text: 'label', fill: colours.text }
  const options = framed({
    size: { width, height },
    description: `${title}: ${bars.map((bar) => `${bar.label} ${bar.shown}`).join('; ')}.`,
    legend: [],
    x: { label: '', axis: null, domain: [0, Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE)] },
    y: { domain: bars.map((bar) => bar.label), label: '', grid: false, axis: null, padding: 0 },
    marginLeft: isStacked ? 8 : beside,
    marginRight,
    marks: [
      barX(bars, {
        x: 'value',
        y: 'label',
        fill: ({ isOurs }: Bar) => (isOurs ? colours.given : colours.requested),
        insetTop,
        insetBottom: 3,
      }),
      isStacked
        ? text(bars, { ...label, frameAnchor: 'left', textAnchor: 'start', dx: 4, dy: -labelHeight / 2 - 2 })
        : text(bars, { ...label, frameAnchor: 'left', textAnchor: 'end', dx: -8 }),
      text(bars, {
        x: 'value',
        y: 'label',
        text: 'shown',
        textAnchor: 'start',
        dx: 6,
        dy: isStacked ? labelHeight / 2 : 0,
        fill: colours.text,
      }),
      ruleX([0], { stroke: colours.requested }),
    ],
  })
  return { ...options, marginTop: 4, marginBottom: 4 }
}
