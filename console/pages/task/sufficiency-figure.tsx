import { useCallback } from 'react'
import type { Dimension } from '../../../shared/domain/resources.ts'
import { PlotFigure } from '../../components/plot-figure.tsx'
import { useCurves } from '../../data/use-estimates.ts'
import { wireDimension } from '../../domain/dimensions.ts'
import type { Query } from '../../domain/query.ts'
import type { PlotSize } from '../../plots/frame.ts'
import { dimensionKinds } from '../../plots/quantity-scale.ts'
import { sufficiencyPlot } from '../../plots/sufficiency-plot.ts'

export interface SufficiencyFigureProps {
  readonly query: Query
  readonly revision: bigint
  readonly dimension: Dimension
  readonly of: string
}

/** How likely each amount suffices for what was asked. */
export function SufficiencyFigure({ query, revision, dimension, of }: SufficiencyFigureProps) {
  const { data } = useCurves(query, revision)
  const found = data?.find((each) => each.dimension === wireDimension[dimension])
  const make = useCallback(
    (size: PlotSize) =>
      sufficiencyPlot({
        size,
        quantity: dimensionKinds[dimension],
        points: (found?.curve ?? []).map(({ amount, confidence }) => ({ amount, probability: confidence })),
        answer: found && { amount: found.allocation, probability: found.confidence },
      }),
    [found, dimension],
  )
  return (
    <PlotFigure
      title="How likely an amount suffices"
      of={of}
      make={make}
      note="Steep where the need is well known; flat where more must be given to be as sure."
    />
  )
}
