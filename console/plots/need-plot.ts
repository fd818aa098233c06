import { areaY, dot, lineY, type PlotOptions, rectX, ruleX, text } from '@observablehq/plot'
import { framed, type PlotSize, scaleOptions } from './frame.ts'
import { colours } from './palette.ts'
import { type QuantityKind, quantityScale } from './quantity-scale.ts'

export interface NeedPoint {
  readonly feature: number
  /** What was used; of one that was killed, what it had used by then. */
  readonly need: number
  readonly isKilled: boolean
  readonly title: string
}

/** The prediction at one value of the feature. */
export interface BandPoint {
  readonly feature: number
  readonly lower: number
  readonly expected: number
  readonly upper: number
  readonly given: number
}

export interface NeedPlot {
  readonly size: PlotSize
  readonly feature: QuantityKind
  readonly need: QuantityKind
  readonly points: readonly NeedPoint[]
  readonly band: readonly BandPoint[]
  /** Of the feature; beyond it nothing is known. */
  readonly largestSeen: number | undefined
  /** The query that was asked, if one was. */
  readonly asked: { readonly feature: number; readonly given: number } | undefined
}

/** Need against one feature: executions, what is expected, what is given; beyond what was seen marked. */
export function needPlot({ size, feature, need, points, band, largestSeen, asked }: NeedPlot): PlotOptions {
  const features = [...points.map((point) => point.feature), ...band.map((point) => point.feature)]
  const x = quantityScale(
    feature,
    asked === undefined ? features : [...features, asked.feature],
    tickCount(size),
  )
  const needs = [...points.map((point) => point.need), ...band.flatMap(({ upper, given }) => [upper, given])]
  const y = quantityScale(need, asked === undefined ? needs : [...needs, asked.given])
  const [yFrom, yTo] = y.domain
  const end = x.domain[1]
  const isBeyond = largestSeen !== undefined && largestSeen < end
  const line = { x: 'feature', stroke: colours.given, curve: 'monotone-x' } as const
  const shown = band.map((point) => ({ ...point, lower: Math.max(point.lower, yFrom) }))
  return framed({
    size,
    description: `${need.title} against ${feature.title}: ${points.length} executions, with what is expected and given.`,
    legend: [
      { label: 'execution', shape: 'dot', colour: colours.used },
      { label: 'killed', shape: 'cross', colour: colours.killed },
      { label: 'given', shape: 'line', colour: colours.given },
      { label: 'expected', shape: 'dashed', colour: colours.given },
      { label: '5 to 95 %', shape: 'area', colour: colours.band },
      ...(isBeyond
        ? [{ label: 'beyond what was seen', shape: 'area', colour: colours.beyond } as const]
        : []),
    ],
    x: scaleOptions(x),
    y: scaleOptions(y),
    marks: [
      isBeyond
        ? rectX([{ x1: largestSeen, x2: end }], {
            x1: 'x1',
            x2: 'x2',
            y1: yFrom,
            y2: yTo,
            fill: colours.beyond,
          })
        : null,
      areaY(shown, { x: 'feature', y1: 'lower', y2: 'upper', fill: colours.band, curve: 'monotone-x' }),
      lineY(band, { ...line, y: 'expected', strokeWidth: 1.25, strokeDasharray: '4,3' }),
      lineY(band, { ...line, y: 'given', strokeWidth: 2 }),
      isBeyond ? ruleX([largestSeen], { stroke: colours.beyondText, strokeDasharray: '2,3' }) : null,
      dot(
        points.filter(({ isKilled }) => !isKilled),
        {
          x: 'feature',
          y: 'need',
          r: 3,
          fill: colours.used,
          fillOpacity: 0.75,
          title: 'title',
          tip: true,
        },
      ),
      dot(
        points.filter(({ isKilled }) => isKilled),
        {
          x: 'feature',
          y: 'need',
          r: 4,
          symbol: 'times',
          stroke: colours.killed,
          strokeWidth: 2,
          title: 'title',
          tip: true,
        },
      ),
      asked === undefined
        ? null
        : dot([asked], {
            x: 'feature',
            y: 'given',
            r: 6,
            stroke: colours.given,
            strokeWidth: 2.5,
            fill: colours.ground,
          }),
      isBeyond && size.width > 520
        ? text([{ x: largestSeen }], {
            x: 'x',
            frameAnchor: 'top-left',
            dx: 6,
            dy: 6,
            text: () => 'beyond what was seen',
            fill: colours.beyondText,
          })
        : null,
    ],
  })
}

/** Labels of an axis need some 90 pixels each. */
const tickCount = ({ width }: PlotSize) => Math.max(3, Math.min(9, Math.floor(width / 95)))
