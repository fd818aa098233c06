import { visible } from '../shared/domain/text.ts'

export interface Column<Row> {
  readonly title: string
  readonly align?: 'left' | 'right'
  readonly value: (row: Row) => string
}

const gap = '  '

/** Words are cut to no fewer characters than that. */
const leastWidth = 10

/**
 * Rows under their titles, two spaces apart. Empty where there are no rows. In a terminal too narrow for them words are
 * cut; where that is not enough each row becomes lines of title and value, so that no number is ever cut.
 * `width`: characters of a line, undefined for any.
 */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width?: number): string {
  if (rows.length === 0) return ''
  const titles = columns.map(({ title }) => title)
  const cells = rows.map((row) => columns.map(({ value }) => visible(value(row))))
  const widths = fitted(columns, widthsOf([titles, ...cells]), width)
  if (widths === undefined) return records(titles, cells)
  return [titles, ...cells].map((line) => `${lineOf(line, columns, widths)}\n`).join('')
}

const widthOf = (text: string) => [...text].length

const widthsOf = (lines: readonly (readonly string[])[]) =>
  (lines[0] ?? []).map((_, i) => Math.max(...lines.map((line) => widthOf(line[i] ?? ''))))

/** The widest columns of words are narrowed until a line holds all. Undefined where it cannot. */
function fitted<Row>(
  columns: readonly Column<Row>[],
  natural: readonly number[],
  width = Number.POSITIVE_INFINITY,
): readonly number[] | undefined {
  const widths = [...natural]
  let excess = widths.reduce((sum, each) => sum + each, gap.length * (widths.length - 1)) - width
  for (; excess > 0; excess--) {
    const words = widths.map((each, i) => (columns[i]?.align === 'right' ? 0 : each))
    const widest = Math.max(...words)
    if (widest <= leastWidth) return undefined
    widths[words.indexOf(widest)] = widest - 1
  }
  return widths
}

function lineOf<Row>(
  line: readonly string[],
  columns: readonly Column<Row>[],
  widths: readonly number[],
): string {
  const padded = line.map((cell, i) => {
    const [width, length] = [widths[i] ?? 0, widthOf(cell)]
    if (length > width) return `${[...cell].slice(0, width - 1).join('')}…`
    const space = ' '.repeat(width - length)
    return columns[i]?.align === 'right' ? space + cell : cell + space
  })
  return padded.join(gap).trimEnd()
}

function records(titles: readonly string[], cells: readonly (readonly string[])[]): string {
  const width = Math.max(...titles.map(widthOf))
  const record = (line: readonly string[]) =>
    line
      .map((cell, i) => ({ title: titles[i] ?? '', cell }))
      .filter(({ cell }) => cell !== '')
      .map(({ title, cell }) => `${title}${' '.repeat(width - widthOf(title))}${gap}${cell}\n`)
      .join('')
  return cells.map(record).join('\n')
}
