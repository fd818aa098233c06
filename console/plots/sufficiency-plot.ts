import { areaY, dot, lineY, type PlotOptions, ruleX, text } from '@observablehq/plot'
import { framed, type PlotSize, scaleOptions } from './frame.ts'
import { colours } from './palette.ts'
import { type QuantityKind, quantityScale } from './quantity-scale.ts'

export interface SufficiencyPoint {
  readonly amount: number
  /** Probability that the need is within it, 0 to 1. */
  readonly probability: number
}

export interface SufficiencyPlot {
  readonly size: PlotSize
  readonly quantity: QuantityKind
  /** By amount. */
  readonly points: readonly SufficiencyPoint[]
  readonly answer: SufficiencyPoint | undefined
}

/** The probability that an amount suffices, along the amount: the distribution of the need, added up. */
export function sufficiencyPlot({ size, quantity, points, answer }: SufficiencyPlot): PlotOptions {
  const amounts = points.map(({ amount }) => amount)
  const x = quantityScale(
    quantity,
    answer === undefined ? amounts : [...amounts, answer.amount],
    Math.max(3, Math.floor(size.width / 95)),
  )
  const answered = answer === undefined ? [] : [answer]
  return framed({
    size,
    description: `Probability that an amount of ${quantity.title} suffices, along the amount.`,
    legend: [
      { label: 'probability that it suffices', shape: 'line', colour: colours.given },
      ...answered.map(() => ({ label: 'the answer', shape: 'dot', colour: colours.given }) as const),
    ],
    x: scaleOptions(x),
    y: { domain: [0, 1], ticks: [0, 0.25, 0.5, 0.75, 1], tickFormat: percent, label: 'suffices' },
    marks: [
      areaY(points, { x: 'amount', y: 'probability', fill: colours.band, curve: 'monotone-x' }),
      lineY(points, {
        x: 'amount',
        y: 'probability',
        stroke: colours.given,
        strokeWidth: 2,
        curve: 'monotone-x',
      }),
      ruleX(answered, { x: 'amount', stroke: colours.given, strokeDasharray: '2,3' }),
      dot(answered, { x: 'amount', y: 'probability', r: 5, fill: colours.given }),
      text(answered, {
        x: 'amount',
        y: 'probability',
        text: ({ amount, probability }: SufficiencyPoint) =>
          `${quantity.format(amount)}\n${percent(probability)}`,
        textAnchor: 'end',
        dx: -10,
        dy: 4,
        lineAnchor: 'top',
        fill: colours.text,
        stroke: colours.ground,
        strokeWidth: 4,
        fontWeight: 600,
      }),
    ],
  })
}

const percent = (share: number) => `${Math.round(share * 1000) / 10} %`
