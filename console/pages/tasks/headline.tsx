import { formatByteTime, formatCount } from '../../domain/notation.ts'
import { savings } from '../../domain/savings.ts'
import type { TaskRow } from '../../domain/task-row.ts'

/** What is wasted, and what was gained over the requests. */
export function Headline({ rows }: { readonly rows: readonly TaskRow[] }) {
  const { wastePerDay, compared, killed, executions } = savings(rows)
  return (
    <dl className="headline">
      <div>
        <dt>Wasted a day</dt>
        <dd>{formatByteTime(wastePerDay)}</dd>
      </div>
      {compared === undefined ? null : (
        <div>
          <dt>As requested it would be</dt>
          <dd>{formatByteTime(compared.requestedWastePerDay)}</dd>
        </div>
      )}
      {compared === undefined || compared.requestedWastePerDay === 0 ? null : (
        <div>
          <dt>Gained</dt>
          <dd className="accent">{gain(compared.wastePerDay, compared.requestedWastePerDay)}</dd>
        </div>
      )}
      <div>
        <dt>Killed</dt>
        <dd>
          {formatCount(killed)} <small>of {formatCount(executions)} executions</small>
        </dd>
      </div>
      <div>
        <dt>Tasks</dt>
        <dd>{formatCount(rows.length)}</dd>
      </div>
    </dl>
  )
}

function gain(waste: number, requestedWaste: number): string {
  const share = 1 - waste / requestedWaste
  return share >= 0 ? `${Math.round(100 * share)} % less` : `${Math.round(-100 * share)} % more`
}
