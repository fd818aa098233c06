import {
  createSortedRowModel,
  rowSortingFeature,
  sortFn_basic,
  tableFeatures,
  useTable,
} from '@tanstack/react-table'
import { useVirtualizer } from '@tanstack/react-virtual'
import { type CSSProperties, type KeyboardEvent, memo, type ReactNode, useMemo, useRef } from 'react'
import { csv } from '../domain/csv.ts'
import { formatCount } from '../domain/notation.ts'
import { download, fileName } from './download.ts'

export interface Column<Row> {
  readonly id: string
  readonly title: string
  /** What it means, with its unit. */
  readonly hint?: string
  /** What is sorted by and exported. */
  readonly value: (row: Row) => string | number | undefined
  /** Its heading in a file, with the unit. */
  readonly csv: string
  /** The value where left out. */
  readonly show?: (row: Row) => ReactNode
  readonly isNumber?: boolean
  /** Pixels. */
  readonly width: number
}

/** Set by script, so that the sheet can say what becomes of it in a narrow window. */
const pixels = (name: `--${string}`, value: number): CSSProperties => ({ [name]: `${value}px` })

export interface Sort {
  readonly id: string
  readonly descending: boolean
}

export interface DataTableProps<Row> {
  /** Says what the table has, to who does not see it, and names its file. */
  readonly title: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly rowId: (row: Row) => string
  readonly sort: Sort
  readonly onSort: (sort: Sort) => void
}

const features = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns: { basic: sortFn_basic },
})

const rowHeight = 30

/** Wider than that, the figures of a row are too far apart to be read as one. */
const stretch = 1.35

const widthSum = (columns: readonly { readonly width: number }[]) =>
  columns.reduce((sum, { width }) => sum + width, 0)

/** A table that draws the rows that are seen alone, so that it may have any number. */
export function DataTable<Row extends object>(props: DataTableProps<Row>) {
  const { title, columns, rows, rowId, sort, onSort } = props
  const place = useRef<HTMLDivElement>(null)
  const table = useTable<typeof features, Row>({
    features,
    data: rows as Row[],
    columns: useMemo(
      () =>
        columns.map(({ id, value }) => ({
          id,
          accessorFn: value,
          sortFn: 'basic' as const,
          sortUndefined: 'last' as const,
        })),
      [columns],
    ),
    getRowId: rowId,
    state: { sorting: [{ id: sort.id, desc: sort.descending }] },
  })
  const sorted = table.getRowModel().rows
  const virtualizer = useVirtualizer({
    count: sorted.length,
    getScrollElement: () => place.current,
    estimateSize: () => rowHeight,
    overscan: 8,
  })
  const widest = widthSum(columns) * stretch
  const items = virtualizer.getVirtualItems()
  const above = items[0]?.start ?? 0
  const below = virtualizer.getTotalSize() - (items.at(-1)?.end ?? 0)

  function onKeyDown(event: KeyboardEvent<HTMLTableSectionElement>) {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12 }[event.key]
    const index = Number((event.target as HTMLElement).closest('tr')?.dataset['index'])
    if (by === undefined || Number.isNaN(index)) return
    const next = Math.max(0, Math.min(sorted.length - 1, index + by))
    event.preventDefault()
    virtualizer.scrollToIndex(next)
    requestAnimationFrame(() =>
      requestAnimationFrame(() =>
        place.current?.querySelector<HTMLElement>(`tr[data-index="${next}"] a`)?.focus(),
      ),
    )
  }

  return (
    <>
      <section
        ref={place}
        className="table-place"
        style={{ maxWidth: widest }}
        aria-label={title}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
        tabIndex={0}
      >
        <table aria-rowcount={rows.length + 1} style={pixels('--sum', widthSum(columns))}>
          <colgroup>
            {columns.map(({ id, width }) => (
              <col key={id} style={pixels('--width', width)} />
            ))}
          </colgroup>
          <thead>
            <tr>
              {columns.map((column) => (
                <Heading key={column.id} column={column} sort={sort} onSort={onSort} />
              ))}
            </tr>
          </thead>
          <tbody onKeyDown={onKeyDown}>
            {above > 0 ? <Space height={above} columns={columns.length} /> : null}
            {items.map(({ index }) => {
              const row = sorted[index]
              if (row === undefined) return null
              return <Line key={row.id} row={row.original} index={index} columns={columns} />
            })}
            {below > 0 ? <Space height={below} columns={columns.length} /> : null}
          </tbody>
        </table>
      </section>
      <p className="table-foot" style={{ maxWidth: widest }}>
        <span className="quiet">{formatCount(rows.length)} rows</span>
        <button
          type="button"
          onClick={() => {
            const lines = sorted.map(({ original }) => columns.map(({ value }) => value(original)))
            const content = csv(
              columns.map((column) => column.csv),
              lines,
            )
            download(fileName(title, 'csv'), new Blob([content], { type: 'text/csv' }))
          }}
          aria-label={`Save ${title} as CSV`}
        >
          CSV
        </button>
      </p>
    </>
  )
}

interface HeadingProps<Row> extends Pick<DataTableProps<Row>, 'sort' | 'onSort'> {
  readonly column: Column<Row>
}

function Heading<Row>({ column: { id, title, hint, isNumber }, sort, onSort }: HeadingProps<Row>) {
  const isSorted = sort.id === id
  const next = isSorted ? !sort.descending : isNumber === true
  const direction = sort.descending ? 'descending' : 'ascending'
  return (
    <th
      scope="col"
      className={isNumber ? 'number' : undefined}
      aria-sort={isSorted ? direction : undefined}
      title={hint}
    >
      <button type="button" onClick={() => onSort({ id, descending: next })}>
        {title}
        <span aria-hidden="true" className="sort-mark">
          {isSorted ? (sort.descending ? '↓' : '↑') : ''}
        </span>
      </button>
    </th>
  )
}

interface LineProps<Row> {
  readonly row: Row
  readonly index: number
  readonly columns: readonly Column<Row>[]
}

/** Drawn once while it stays in sight. */
const Line = memo(function Line<Row>({ row, index, columns }: LineProps<Row>) {
  return (
    <tr data-index={index} aria-rowindex={index + 2}>
      {columns.map(({ id, isNumber, show, value }) => (
        <td key={id} className={isNumber ? 'number' : undefined}>
          {show?.(row) ?? value(row) ?? '–'}
        </td>
      ))}
    </tr>
  )
}) as <Row>(props: LineProps<Row>) => ReactNode

function Space({ height, columns }: { readonly height: number; readonly columns: number }) {
  return (
    <tr className="space">
      <td colSpan={columns} style={{ height }} />
    </tr>
  )
}
