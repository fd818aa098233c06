import { useCallback, useId, useMemo } from 'react'
import type { Dimension } from '../../../shared/domain/resources.ts'
import { visible } from '../../../shared/domain/text.ts'
import { PlotFigure } from '../../components/plot-figure.tsx'
import type { Estimate } from '../../contract/gen/foresize/v1/estimator_service_pb.js'
import type { Profile } from '../../contract/gen/foresize/v1/profile_pb.js'
import { useEstimates } from '../../data/use-estimates.ts'
import { featureGrid } from '../../domain/features.ts'
import type { Query } from '../../domain/query.ts'
import type { PlotSize } from '../../plots/frame.ts'
import { needPlot } from '../../plots/need-plot.ts'
import { dimensionKinds, featureKind } from '../../plots/quantity-scale.ts'
import { bandPoints, estimateOf, needPoints } from './needs.ts'

export interface NeedFigureProps {
  readonly profile: Profile
  readonly features: readonly string[]
  readonly feature: string
  readonly onFeature: (feature: string) => void
  readonly dimension: Dimension
  readonly query: Query
  readonly answer: Estimate | null | undefined
}

/** Need against one feature, the others as asked. */
export function NeedFigure({
  profile,
  features,
  feature,
  onFeature,
  dimension,
  query,
  answer,
}: NeedFigureProps) {
  const { executions, revision } = profile
  const seen = useMemo(
    () => executions.map((each) => each.features[feature]).filter((value) => value !== undefined),
    [executions, feature],
  )
  const grid = useMemo(() => featureGrid(seen), [seen])
  const queries = grid.map(
    (value): Query => ({ ...query, features: { ...query.features, [feature]: value } }),
  )
  const estimates = useEstimates(queries, revision)
  const id = useId()
  const given = estimateOf(answer ?? undefined, dimension)?.allocation
  const at = query.features[feature]

  const make = useCallback(
    (size: PlotSize) =>
      needPlot({
        size,
        feature: featureKind(visible(feature)),
        need: dimensionKinds[dimension],
        points: needPoints(executions, feature, dimension, dimensionKinds[dimension]),
        band: bandPoints(grid, estimates.data ?? [], dimension),
        largestSeen: seen.length === 0 ? undefined : Math.max(...seen),
        asked: given === undefined || at === undefined ? undefined : { feature: at, given },
      }),
    [executions, feature, dimension, grid, estimates.data, seen, given, at],
  )
  return (
    <div>
      <PlotFigure
        title={`Need against ${visible(feature)}`}
        of={visible(profile.key?.task ?? '')}
        make={make}
        note="The ring is what is asked above. To the right of the dotted line nothing was seen: the answer follows laws of growth, less sure."
      />
      {features.length < 2 ? null : (
        <span className="picker">
          <label htmlFor={id}>Feature</label>
          <select id={id} value={feature} onChange={({ target }) => onFeature(target.value)}>
            {features.map((name) => (
              <option key={name} value={name}>
                {visible(name)}
              </option>
            ))}
          </select>
        </span>
      )}
    </div>
  )
}
