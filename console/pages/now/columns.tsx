import { Link } from 'wouter'
import { formatShare } from '../../../cli/quantity.ts'
import { formatBytes, formatDuration } from '../../../shared/domain/quantity-text.ts'
import { visible } from '../../../shared/domain/text.ts'
import type { Column } from '../../components/data-table.tsx'
import { addressOf } from '../../data/url-state.ts'
import type { UnderWay } from '../../data/use-running.ts'
import { formatAgo } from '../../domain/notation.ts'

/** Peak so far of what it was given; undefined where either is unknown. */
function shareUsed({ execution: { peak, allocated } }: UnderWay): number | undefined {
  const [used, given] = [peak?.memoryBytes, allocated?.memoryBytes]
  return used === undefined || given === undefined || given === 0 ? undefined : used / given
}

/** Near its limit it is about to be killed. */
const near = 0.9

export const runningColumns = (namespace: string): readonly Column<UnderWay>[] => [
  {
    id: 'task',
    title: 'Task',
    csv: 'task',
    width: 240,
    value: ({ task }) => task,
    show: ({ task }) => (
      <Link href={addressOf('/task', { namespace, task })} className="task-name" title={visible(task)}>
        {visible(task)}
      </Link>
    ),
  },
  {
    id: 'share',
    title: 'Peak of given',
    hint: 'memory: the peak so far, as a share of what it was given',
    csv: 'peak_share_of_given',
    width: 160,
    isNumber: true,
    value: shareUsed,
    show: (row) => {
      const share = shareUsed(row)
      return (
        <span className="bar-cell">
          <span
            className={share !== undefined && share > near ? 'bar near' : 'bar'}
            style={{ width: `${Math.min(100, Math.round(100 * (share ?? 0)))}%` }}
          />
          {formatShare(share)}
        </span>
      )
    },
  },
  {
    id: 'peak',
    title: 'Peak so far',
    hint: 'memory',
    csv: 'peak_memory_bytes',
    width: 100,
    isNumber: true,
    value: ({ execution }) => execution.peak?.memoryBytes,
    show: ({ execution }) => formatBytes(execution.peak?.memoryBytes),
  },
  {
    id: 'given',
    title: 'Given',
    hint: 'memory',
    csv: 'given_memory_bytes',
    width: 100,
    isNumber: true,
    value: ({ execution }) => execution.allocated?.memoryBytes,
    show: ({ execution }) => formatBytes(execution.allocated?.memoryBytes),
  },
  {
    id: 'time',
    title: 'Running for',
    csv: 'duration_ms',
    width: 100,
    isNumber: true,
    value: ({ execution }) => execution.peak?.durationMs,
    show: ({ execution }) => formatDuration(execution.peak?.durationMs),
  },
  {
    id: 'last-seen',
    title: 'Last seen',
    hint: 'when its latest report came in',
    csv: 'last_seen',
    width: 96,
    isNumber: true,
    value: ({ execution }) =>
      execution.lastSeenUnixMs === undefined ? undefined : new Date(execution.lastSeenUnixMs).toISOString(),
    show: ({ execution: { lastSeenUnixMs } }) =>
      lastSeenUnixMs === undefined ? '–' : formatAgo(lastSeenUnixMs, Date.now()),
  },
  {
    id: 'attempt',
    title: 'Attempt',
    csv: 'attempt',
    width: 80,
    isNumber: true,
    value: ({ execution }) => Math.max(1, execution.attempt),
  },
  {
    id: 'id',
    title: 'Execution',
    csv: 'execution_id',
    width: 220,
    value: ({ execution }) => visible(execution.executionId),
  },
]
