import { formatShare } from '../../../cli/quantity.ts'
import { dimensionTitles, formatDimension } from '../../../shared/domain/quantity-text.ts'
import type { Estimate } from '../../contract/gen/foresize/v1/estimator_service_pb.js'
import { dimensionOfWire } from '../../domain/dimensions.ts'
import { shownNotices } from '../../domain/notices.ts'
import { sourceWords } from '../../domain/sources.ts'

/** What the next run is to be given, how sure that is, and what to know before trusting it. */
export function Answer({ estimate, task }: { readonly estimate: Estimate; readonly task: string }) {
  const notices = shownNotices(estimate.notices, task)
  const isBeyond = notices.some(({ kind }) => kind === 'beyond-range')
  return (
    <div className="answer" aria-live="polite">
      <p>
        <strong className="accent">{formatShare(estimate.confidence)} sure</strong> to suffice, from{' '}
        {sourceWords[estimate.source]}{' '}
        {isBeyond ? <span className="badge beyond">beyond what was seen</span> : null}
      </p>
      <table className="plain">
        <caption className="unseen">The answer by dimension</caption>
        <thead>
          <tr>
            <th scope="col">Dimension</th>
            <th scope="col" className="number">
              Give
            </th>
            <th scope="col" className="number">
              Expected
            </th>
            <th scope="col" className="number">
              5 %
            </th>
            <th scope="col" className="number">
              95 %
            </th>
            <th scope="col" className="number">
              Sure
            </th>
          </tr>
        </thead>
        <tbody>
          {estimate.dimensions.map((each) => {
            const dimension = dimensionOfWire(each.dimension)
            if (dimension === undefined) return null
            const show = (value: number) => formatDimension(dimension, value)
            return (
              <tr key={each.dimension}>
                <th scope="row">{dimensionTitles[dimension]}</th>
                <td className="number strong">{show(each.allocation)}</td>
                <td className="number">{show(each.expected)}</td>
                <td className="number">{show(each.lower)}</td>
                <td className="number">{show(each.upper)}</td>
                <td className="number">{formatShare(each.confidence)}</td>
              </tr>
            )
          })}
        </tbody>
      </table>
      {notices.length === 0 ? null : (
        <ul className="notices">
          {notices.map(({ kind, text }) => (
            <li key={text} className={kind === 'beyond-range' ? 'beyond' : undefined}>
              {text}
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}
