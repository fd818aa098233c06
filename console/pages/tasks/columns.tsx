import { Link } from 'wouter'
import { formatShare } from '../../../cli/quantity.ts'
import { formatBytes } from '../../../shared/domain/quantity-text.ts'
import { visible } from '../../../shared/domain/text.ts'
import type { Column } from '../../components/data-table.tsx'
import { addressOf } from '../../data/url-state.ts'
import { formatAgo, formatByteTime, formatCount, gigabyteHours } from '../../domain/notation.ts'
import type { TaskRow } from '../../domain/task-row.ts'

/** @param largestWaste of the rows, for the bars behind the figures. */
export function taskColumns(largestWaste: number, nowUnixMs: number): readonly Column<TaskRow>[] {
  return [
    {
      id: 'task',
      title: 'Task',
      csv: 'task',
      width: 240,
      value: ({ task }) => task,
      show: ({ namespace, task }) => (
        <Link href={addressOf('/task', { namespace, task })} className="task-name" title={visible(task)}>
          {visible(task)}
        </Link>
      ),
    },
    {
      id: 'waste',
      title: 'Wasted a day',
      hint: 'memory given and not used, times run time, a day; of a killed attempt all of it',
      csv: 'wasted_gib_hours_per_day',
      width: 136,
      isNumber: true,
      value: ({ wastePerDay }) => gigabyteHours(wastePerDay),
      show: ({ wastePerDay }) => (
        <span className="bar-cell">
          <span
            className="bar"
            style={{ width: `${Math.round((100 * (wastePerDay ?? 0)) / largestWaste)}%` }}
          />
          {formatByteTime(wastePerDay)}
        </span>
      ),
    },
    bytesColumn(
      'requested',
      'Requested',
      'memory, median of what users asked for',
      ({ requestedBytes }) => requestedBytes,
    ),
    bytesColumn(
      'given',
      'Given',
      'memory, median of what executions were given',
      ({ givenBytes }) => givenBytes,
    ),
    bytesColumn('used', 'Used', 'memory, median of the peaks measured', ({ usedBytes }) => usedBytes),
    {
      id: 'sure',
      title: 'Sure',
      hint: 'mean probability given that an answer suffices',
      csv: 'mean_confidence',
      width: 62,
      isNumber: true,
      value: ({ confidence }) => confidence,
      show: ({ confidence }) => formatShare(confidence),
    },
    {
      id: 'sufficed',
      title: 'Sufficed',
      hint: 'share of the executions whose need was within the answer',
      csv: 'coverage',
      width: 80,
      isNumber: true,
      value: ({ coverage }) => coverage,
      show: ({ coverage }) => formatShare(coverage),
    },
    {
      id: 'killed',
      title: 'Killed',
      hint: 'executions killed for memory or at their time limit',
      csv: 'killed',
      width: 68,
      isNumber: true,
      value: ({ killed }) => killed,
      show: ({ killed }) =>
        killed === 0 ? <span className="quiet">0</span> : <span className="bad">{formatCount(killed)}</span>,
    },
    {
      id: 'executions',
      title: 'Executions',
      csv: 'executions',
      width: 92,
      isNumber: true,
      value: ({ executions }) => executions,
      show: ({ executions }) => formatCount(executions),
    },
    {
      id: 'running',
      title: 'Now',
      hint: 'executions under way',
      csv: 'running',
      width: 56,
      isNumber: true,
      value: ({ running }) => running,
      show: ({ running }) => (running === 0 ? <span className="quiet">0</span> : formatCount(running)),
    },
    {
      id: 'seen',
      title: 'Last seen',
      csv: 'last_seen',
      width: 100,
      isNumber: true,
      value: ({ lastSeenMs }) => new Date(lastSeenMs).toISOString(),
      show: ({ lastSeenMs }) => (
        <time dateTime={new Date(lastSeenMs).toISOString()} title={new Date(lastSeenMs).toLocaleString()}>
          {formatAgo(lastSeenMs, nowUnixMs)}
        </time>
      ),
    },
  ]
}

function bytesColumn(
  id: string,
  title: string,
  hint: string,
  read: (row: TaskRow) => number | undefined,
): Column<TaskRow> {
  return {
    id,
    title,
    hint,
    csv: `${id}_bytes`,
    width: 92,
    isNumber: true,
    value: read,
    show: (row) => formatBytes(read(row)),
  }
}
