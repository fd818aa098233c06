import { csvCell } from '../../shared/domain/text.ts'

/** A table as RFC 4180 has it, with its heading; nothing in it runs as a formula. */
export function csv(
  heading: readonly string[],
  rows: readonly (readonly (string | number | undefined)[])[],
): string {
  const line = (cells: readonly (string | number | undefined)[]) =>
    cells
      .map((cell) => (cell === undefined ? '' : typeof cell === 'number' ? String(cell) : csvCell(cell)))
      .join(',')
  return `${[heading, ...rows].map(line).join('\r\n')}\r\n`
}
