import {
  axisX,
  axisY,
  type Markish,
  type PlotOptions,
  type ScaleOptions,
  type TextOptions,
  text,
} from '@observablehq/plot'
import { type LegendItem, legend, legendHeight } from './legend.ts'
import { colours } from './palette.ts'
import type { QuantityScale } from './quantity-scale.ts'

export interface PlotSize {
  readonly width: number
  readonly height: number
}

export interface Frame {
  readonly size: PlotSize
  /** One sentence that says what the picture shows, for who does not see it. */
  readonly description: string
  readonly legend: readonly LegendItem[]
  /** With their labels as text. */
  readonly x: ScaleOptions & { readonly label: string }
  readonly y: ScaleOptions & { readonly label: string }
  readonly marks: readonly Markish[]
  readonly marginLeft?: number
  readonly marginRight?: number
}

/** What all plots have in common: margins, letters, grid, the legend on top. */
export function framed({ size, description, legend: items, x, y, marks, ...margins }: Frame): PlotOptions {
  const marginLeft = margins.marginLeft ?? 64
  return {
    ...size,
    marginTop: legendHeight(items, size.width) + 30,
    marginBottom: 44,
    marginLeft,
    marginRight: margins.marginRight ?? 28,
    className: 'plot',
    style: { fontFamily: 'var(--plot-font)', fontSize: '12px', color: colours.text, background: 'none' },
    ariaLabel: description,
    x: { ...x, label: null, ...(isLogarithmic(x) ? { axis: null } : {}) },
    y: { grid: true, ...y, label: null, ...(isLogarithmic(y) ? { axis: null } : {}) },
    marks: [
      ...(isLogarithmic(x) ? [axisX(x.ticks, { text: x.tickFormat, label: null })] : []),
      ...(isLogarithmic(y) ? [axisY(y.ticks, { text: y.tickFormat, label: null })] : []),
      ...marks,
      axisTitle(y.label, { frameAnchor: 'top-left', textAnchor: 'start', dx: 8 - marginLeft, dy: -22 }),
      axisTitle(x.label, { frameAnchor: 'bottom-right', textAnchor: 'end', dy: 40 }),
      legend(items),
    ],
  }
}

interface LogarithmicAxis {
  readonly ticks: number[]
  readonly tickFormat: (value: number) => string
}

/** Its ticks are written as texts: as a format of the scale, d3 would leave some of them empty. */
const isLogarithmic = (scale: ScaleOptions): scale is ScaleOptions & LogarithmicAxis =>
  scale.type === 'log' && Array.isArray(scale.ticks) && typeof scale.tickFormat === 'function'

const axisTitle = (title: string, place: TextOptions) =>
  text([title], { ...place, text: (each: string) => each, fill: colours.text, fontWeight: 600 })

export function scaleOptions({ type, domain, ticks, tickFormat, label }: QuantityScale) {
  return { type, domain, ticks, tickFormat, label }
}
