import { useCallback } from 'react'
import type { Dimension } from '../../../shared/domain/resources.ts'
import { PlotFigure } from '../../components/plot-figure.tsx'
import type { Estimate } from '../../contract/gen/foresize/v1/estimator_service_pb.js'
import { type Query, useEstimates } from '../../data/use-estimates.ts'
import type { PlotSize } from '../../plots/frame.ts'
import { dimensionKinds } from '../../plots/quantity-scale.ts'
import { sufficiencyPlot } from '../../plots/sufficiency-plot.ts'
import { coverages, estimateOf, sufficiencyPoints } from './needs.ts'

export interface SufficiencyFigureProps {
  readonly query: Query
  readonly revision: bigint
  readonly dimension: Dimension
  readonly answer: Estimate | null | undefined
  readonly of: string
}

/** How likely each amount suffices for what was asked. */
export function SufficiencyFigure({ query, revision, dimension, answer, of }: SufficiencyFigureProps) {
  const queries = coverages.map((targetCoverage): Query => ({ ...query, policy: { targetCoverage } }))
  const { data } = useEstimates(queries, revision)
  const found = estimateOf(answer ?? undefined, dimension)
  const amount = found?.allocation
  const probability = found?.confidence
  const make = useCallback(
    (size: PlotSize) =>
      sufficiencyPlot({
        size,
        quantity: dimensionKinds[dimension],
        points: sufficiencyPoints(data ?? [], dimension),
        answer: amount === undefined || probability === undefined ? undefined : { amount, probability },
      }),
    [data, dimension, amount, probability],
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
