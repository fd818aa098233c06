import { Link } from 'wouter'
import { formatShare } from '../../../cli/quantity.ts'
import { visible } from '../../../shared/domain/text.ts'
import type { Column } from '../../components/data-table.tsx'
import { addressOf } from '../../data/url-state.ts'
import { formatByteTime, formatCount, gigabyteHours } from '../../domain/notation.ts'
import type { TaskRow } from '../../domain/task-row.ts'

/** What was promised above what came; negative where the answers were better than promised. */
const gap = ({ confidence, coverage }: TaskRow): number | undefined =>
  confidence === undefined || coverage === undefined ? undefined : confidence - coverage

export const accuracyColumns = (namespace: string): readonly Column<TaskRow>[] => [
  {
    id: 'task',
    title: 'Task',
    csv: 'task',
    width: 280,
    value: ({ task }) => task,
    show: ({ task }) => (
      <Link href={addressOf('/task', { namespace, task })} className="task-name" title={visible(task)}>
        {visible(task)}
      </Link>
    ),
  },
  shareColumn(
    'sure',
    'Promised',
    'mean probability given',
    'mean_confidence',
    ({ confidence }) => confidence,
  ),
  shareColumn(
    'sufficed',
    'Sufficed',
    'share of executions whose need was within the answer',
    'coverage',
    ({ coverage }) => coverage,
  ),
  {
    id: 'gap',
    title: 'Promised too much',
    hint: 'promised minus sufficed, in percentage points',
    csv: 'promised_minus_sufficed',
    width: 140,
    isNumber: true,
    value: gap,
    show: (row) => {
      const found = gap(row)
      if (found === undefined) return '–'
      const points = Math.round(found * 1000) / 10
      return <span className={points > 5 ? 'bad' : undefined}>{`${points > 0 ? '+' : ''}${points}`}</span>
    },
  },
  {
    id: 'waste',
    title: 'Wasted a day',
    hint: 'memory given and not used, times run time',
    csv: 'wasted_gib_hours_per_day',
    width: 130,
    isNumber: true,
    value: ({ wastePerDay }) => gigabyteHours(wastePerDay),
    show: ({ wastePerDay }) => formatByteTime(wastePerDay),
  },
  {
    id: 'executions',
    title: 'Executions',
    csv: 'executions',
    width: 100,
    isNumber: true,
    value: ({ executions }) => executions,
    show: ({ executions }) => formatCount(executions),
  },
]

function shareColumn(
  id: string,
  title: string,
  hint: string,
  name: string,
  read: (row: TaskRow) => number | undefined,
): Column<TaskRow> {
  return {
    id,
    title,
    hint,
    csv: name,
    width: 100,
    isNumber: true,
    value: read,
    show: (row) => formatShare(read(row)),
  }
}
