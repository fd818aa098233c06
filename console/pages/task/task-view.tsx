import { useCallback, useMemo } from 'react'
import { formatShare } from '../../../cli/quantity.ts'
import { visible } from '../../../shared/domain/text.ts'
import { AccuracyTable, Calibration } from '../../components/accuracy-parts.tsx'
import { DimensionPicker } from '../../components/dimension-picker.tsx'
import { PlotFigure } from '../../components/plot-figure.tsx'
import { Failure, Stale } from '../../components/states.tsx'
import { useUrlState } from '../../data/url-state.ts'
import { useEstimate } from '../../data/use-estimates.ts'
import type { KnownTask } from '../../data/use-task.ts'
import { dimensionNames, isDimensionName } from '../../domain/dimensions.ts'
import { featureNames, typicalQuery } from '../../domain/features.ts'
import { formatAgo, formatByteTime, formatCount } from '../../domain/notation.ts'
import { taskRow } from '../../domain/task-row.ts'
import type { PlotSize } from '../../plots/frame.ts'
import { historyPlot } from '../../plots/history-plot.ts'
import { dimensionKinds } from '../../plots/quantity-scale.ts'
import { Answer } from './answer.tsx'
import { AskForm } from './ask-form.tsx'
import { askedOf } from './asked.ts'
import { ExecutionsTable } from './executions-table.tsx'
import { NeedFigure } from './need-figure.tsx'
import { historyPoints } from './needs.ts'
import { SufficiencyFigure } from './sufficiency-figure.tsx'
import { Why } from './why.tsx'

/** All that is known of one task, in one dimension at a time. */
export function TaskView({ profile, summary }: KnownTask) {
  const url = useUrlState()
  const key = { namespace: profile.key?.namespace ?? '', task: profile.key?.task ?? '' }
  const name = visible(key.task)
  const chosen = url.get('dimension') ?? 'memory'
  const dimensionName = isDimensionName(chosen) ? chosen : 'memory'
  const dimension = dimensionNames[dimensionName]
  const kind = dimensionKinds[dimension]
  const { executions, revision } = profile

  const typical = useMemo(() => typicalQuery(executions), [executions])
  const features = useMemo(
    () => featureNames(executions, ({ used }) => used?.[dimension]),
    [executions, dimension],
  )
  const feature = features.find((each) => each === url.get('feature')) ?? features[0]
  const asked = askedOf(key, typical, url.entries())
  const estimate = useEstimate(asked.query, revision)

  const makeHistory = useCallback(
    (size: PlotSize) => historyPlot({ size, quantity: kind, ...historyPoints(executions, dimension, kind) }),
    [executions, dimension, kind],
  )

  return (
    <>
      <div className="title-row">
        <Facts summary={summary} />
        <DimensionPicker value={dimensionName} onChange={(value) => url.set({ dimension: value })} />
      </div>
      <section className="split" aria-labelledby="ask">
        <div>
          <h2 id="ask">Ask</h2>
          <AskForm url={url} asked={asked} typical={typical} />
          {estimate.data ? <Answer estimate={estimate.data} task={name} /> : null}
          {estimate.isError && estimate.data === undefined ? (
            <Failure error={estimate.error} onRetry={() => void estimate.refetch()} />
          ) : (
            <Stale query={estimate} />
          )}
        </div>
        <SufficiencyFigure query={asked.query} revision={revision} dimension={dimension} of={name} />
      </section>
      <section className="plots" aria-label="Executions">
        {feature === undefined ? (
          <p className="state">
            No execution had a feature. Report one that is known before a run, such as input_bytes, and the
            answer follows it.
          </p>
        ) : (
          <NeedFigure
            profile={profile}
            features={features}
            feature={feature}
            onFeature={(value) => url.set({ feature: value })}
            dimension={dimension}
            query={asked.query}
            answer={estimate.data}
          />
        )}
        <PlotFigure
          title="Given and used"
          of={name}
          make={makeHistory}
          note={`The latest ${executions.length} executions, one by one.`}
        />
      </section>
      {estimate.data ? (
        <section aria-labelledby="why">
          <h2 id="why">Why this number</h2>
          <Why estimate={estimate.data} dimension={dimension} />
        </section>
      ) : null}
      <section aria-labelledby="accuracy">
        <h2 id="accuracy">How well the answers did</h2>
        <div className="split">
          <div>
            <AccuracyTable of={name} accuracy={profile.accuracy} dimension={dimension} />
          </div>
          <Calibration of={name} accuracy={profile.accuracy} dimension={dimension} />
        </div>
      </section>
      <section aria-labelledby="executions">
        <h2 id="executions">Latest executions</h2>
        <ExecutionsTable of={name} executions={executions} />
      </section>
    </>
  )
}

function Facts({ summary }: Pick<KnownTask, 'summary'>) {
  const row = taskRow(summary)
  const facts = [
    ['Executions', formatCount(row.executions)],
    ['Wasted a day', formatByteTime(row.wastePerDay)],
    ['As requested it would be', formatByteTime(row.requestedWastePerDay)],
    ['Killed', formatCount(row.killed)],
    ['Sure, sufficed', `${formatShare(row.confidence)}, ${formatShare(row.coverage)}`],
    ['Under way', formatCount(row.running)],
    ['Last seen', formatAgo(row.lastSeenMs, Date.now())],
  ] as const
  return (
    <dl className="headline">
      {facts.map(([title, value]) => (
        <div key={title}>
          <dt>{title}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
