import { dot, lineY, type PlotOptions, ruleX } from '@observablehq/plot'
import { framed, type PlotSize, scaleOptions } from './frame.ts'
import { colours } from './palette.ts'
import { type QuantityKind, quantityScale } from './quantity-scale.ts'

export interface HistoryPoint {
  /** When it ended, in Unix milliseconds, or its place in the order. */
  readonly at: number
  readonly requested?: number | undefined
  readonly given?: number | undefined
  readonly used?: number | undefined
  readonly isKilled: boolean
  readonly title: string
}

export interface HistoryPlot {
  readonly size: PlotSize
  readonly quantity: QuantityKind
  readonly at: 'time' | 'order'
  /** Oldest first. */
  readonly points: readonly HistoryPoint[]
}

/** What executions were given and used, one after the other, with those that were killed. */
export function historyPlot({ size, quantity, at, points }: HistoryPlot): PlotOptions {
  const values = points.flatMap(({ requested, given, used }) => [requested, given, used])
  const y = quantityScale(
    quantity,
    values.filter((value) => value !== undefined),
  )
  const requested = points.filter((point) => point.requested !== undefined)
  const given = points.filter((point) => point.given !== undefined)
  const used = points.filter((point) => point.used !== undefined)
  const killed = used.filter(({ isKilled }) => isKilled)
  const has = (
    of: readonly HistoryPoint[],
    item: { label: string; shape: 'dot' | 'cross' | 'line' | 'dashed'; colour: string },
  ) => (of.length === 0 ? [] : [item])
  return framed({
    size,
    description: `${quantity.title} of the latest ${points.length} executions: requested, given and used; ${killed.length} were killed.`,
    legend: [
      ...has(requested, { label: 'requested', shape: 'dashed', colour: colours.requested }),
      ...has(given, { label: 'given', shape: 'line', colour: colours.given }),
      ...has(used, { label: 'used', shape: 'dot', colour: colours.used }),
      ...has(killed, { label: 'killed', shape: 'cross', colour: colours.killed }),
    ],
    x:
      at === 'time'
        ? { type: 'time', label: 'ended (local time)', ticks: Math.max(2, Math.floor(size.width / 110)) }
        : { type: 'linear', label: 'executions, the latest on the right', ticks: [] },
    y: scaleOptions(y),
    marks: [
      ruleX(killed, { x: 'at', stroke: colours.killed, strokeOpacity: 0.35 }),
      lineY(requested, {
        x: 'at',
        y: 'requested',
        stroke: colours.requested,
        strokeDasharray: '4,3',
        curve: 'step',
      }),
      lineY(given, { x: 'at', y: 'given', stroke: colours.given, strokeWidth: 1.75, curve: 'step' }),
      dot(
        used.filter(({ isKilled }) => !isKilled),
        {
          x: 'at',
          y: 'used',
          r: 2.5,
          fill: colours.used,
          title: 'title',
          tip: true,
        },
      ),
      dot(killed, {
        x: 'at',
        y: 'used',
        r: 4,
        symbol: 'times',
        stroke: colours.killed,
        strokeWidth: 2,
        title: 'title',
        tip: true,
      }),
    ],
  })
}
