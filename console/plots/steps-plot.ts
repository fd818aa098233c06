import { lineY, type PlotOptions } from '@observablehq/plot'
import { framed, type PlotSize, scaleOptions } from './frame.ts'
import { colours } from './palette.ts'
import { type QuantityKind, quantityScale } from './quantity-scale.ts'

/** A quantity that holds until the next point. */
export interface StepLine {
  readonly label: string
  readonly look: 'ours' | 'other' | 'bound'
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

export interface StepsPlot {
  readonly size: PlotSize
  readonly x: QuantityKind
  readonly y: QuantityKind
  readonly lines: readonly StepLine[]
}

const looks = {
  ours: { stroke: colours.given, shape: 'line', strokeWidth: 1.75 },
  other: { stroke: colours.killed, shape: 'line', strokeWidth: 1.25 },
  bound: { stroke: colours.used, shape: 'dashed', strokeWidth: 1.25 },
} as const

/** The same quantity over the same time in several runs, on scales that start at zero. */
export function stepsPlot({ size, x, y, lines }: StepsPlot): PlotOptions {
  const values = (of: 'x' | 'y') => [0, ...lines.flatMap(({ points }) => points.map((point) => point[of]))]
  return framed({
    size,
    description: `${y.title} over ${x.title}: ${lines.map(({ label }) => label).join(', ')}.`,
    legend: lines.map(({ label, look }) => ({ label, shape: looks[look].shape, colour: looks[look].stroke })),
    x: scaleOptions(quantityScale(x, values('x'), Math.max(2, Math.floor(size.width / 130)))),
    y: scaleOptions(quantityScale(y, values('y'))),
    marks: lines.map(({ look, points }) => {
      const { stroke, shape, strokeWidth } = looks[look]
      const dashes = shape === 'dashed' ? { strokeDasharray: '4,3' } : {}
      return lineY(points, { x: 'x', y: 'y', curve: 'step-after', stroke, strokeWidth, ...dashes })
    }),
  })
}
