import { visibleHtml } from '../../shared/domain/text.ts'

export interface Point {
  readonly x: number
  readonly y: number
}

/** Columns that a line is drawn in; within one the largest value is shown. */
const columns = 560

/** Lines over time as steps, each as its own class `run0`, `run1`…, with a key. Plain SVG text. */
export function chart(
  names: readonly string[],
  lines: readonly (readonly Point[])[],
  formatX: (value: number) => string,
  formatY: (value: number) => string,
): string {
  const [left, top, height] = [80, 24, 160]
  const mostX = Math.max(1, ...lines.map((line) => line.at(-1)?.x ?? 0))
  const stepped = lines.map((line) => steps(line, mostX))
  const mostY = Math.max(1e-9, ...stepped.map((line) => Math.max(...line)))
  const y = (value: number) => (top + height - (value / mostY) * height).toFixed(1)
  const drawn = stepped.map((line, run) => {
    const points = line.map((value, i) => `${left + i},${y(value)}`).join(' ')
    return `<polyline class="run${run}" points="${points}"/>`
  })
  const keys = names.map((name, run) => {
    const at = left + run * 130
    return `<line x1="${at}" x2="${at + 22}" y1="10" y2="10" class="run${run} key"/><text x="${at + 28}" y="14">${visibleHtml(name)}</text>`
  })
  const rows = [0, 0.5, 1].map((share) => {
    const at = y(share * mostY)
    return (
      `<line x1="${left}" x2="${left + columns}" y1="${at}" y2="${at}" class="grid"/>` +
      `<text x="${left - 6}" y="${Number(at) + 4}" text-anchor="end">${visibleHtml(formatY(share * mostY))}</text>`
    )
  })
  const ticks = [0, 0.5, 1].map((share) => {
    const anchor = share === 0 ? 'start' : share === 1 ? 'end' : 'middle'
    const at = left + share * columns
    return `<text x="${at}" y="${top + height + 18}" text-anchor="${anchor}">${visibleHtml(formatX(share * mostX))}</text>`
  })
  const [width, tall] = [left + columns + 10, top + height + 26]
  const body = rows.join('') + ticks.join('') + drawn.join('') + keys.join('')
  return `<svg role="img" width="${width}" height="${tall}" viewBox="0 0 ${width} ${tall}"><title>${visibleHtml(names.join(', '))}</title>${body}</svg>`
}

/** The largest value in each column; a value holds until the next. */
function steps(line: readonly Point[], mostX: number): readonly number[] {
  const most = new Float64Array(columns + 1)
  let last = 0
  let at = 0
  for (let column = 0; column <= columns; column++) {
    const endX = ((column + 1) / (columns + 1)) * mostX
    let largest = last
    for (; at < line.length && (line[at] as Point).x <= endX; at++) {
      last = (line[at] as Point).y
      largest = Math.max(largest, last)
    }
    most[column] = largest
  }
  return [...most]
}
