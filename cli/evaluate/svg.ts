import { visibleHtml } from '../../shared/domain/text.ts'

/** Pictures for the report: plain SVG text, drawn from values. */

export interface Bar {
  readonly label: string
  readonly value: number
  readonly shown: string
  readonly ours: boolean
}

/** Horizontal bars, as long as their values. */
export function barChart(title: string, bars: readonly Bar[]): string {
  const [rowHeight, left, width] = [22, 200, 480]
  const longest = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE)
  const rows = bars.map(({ label, value, shown, ours }, i) => {
    const y = i * rowHeight
    const length = Math.max(1, (value / longest) * width)
    return (
      `<text x="${left - 8}" y="${y + 15}" text-anchor="end">${visibleHtml(label)}</text>` +
      `<rect x="${left}" y="${y + 3}" width="${length.toFixed(1)}" height="${rowHeight - 6}" class="${ours ? 'ours' : 'other'}"/>` +
      `<text x="${left + length + 6}" y="${y + 15}">${visibleHtml(shown)}</text>`
    )
  })
  return svg(title, left + width + 90, bars.length * rowHeight, rows.join(''))
}

/** What was given above what was used, one column an execution, on a logarithmic scale. */
export function sizingChart(
  title: string,
  points: readonly { readonly given: number; readonly used: number }[],
  format: (value: number) => string,
): string {
  const [left, top, width, height] = [70, 8, 560, 170]
  const values = points.flatMap(({ given, used }) => [given, used]).filter((value) => value > 0)
  const low = Math.log(Math.min(...values) * 0.9)
  const high = Math.log(Math.max(...values) * 1.1)
  const x = (i: number) => left + (points.length === 1 ? 0 : (i / (points.length - 1)) * width)
  const y = (value: number) => top + height - ((Math.log(value) - low) / (high - low)) * height
  const given = points.map((point, i) => `${x(i).toFixed(1)},${y(point.given).toFixed(1)}`).join(' ')
  const dots = points.map(
    ({ used }, i) => `<circle cx="${x(i).toFixed(1)}" cy="${y(used).toFixed(1)}" r="1.6" class="used"/>`,
  )
  const ticks = [0, 0.5, 1].map((share) => {
    const value = Math.exp(low + share * (high - low))
    const at = y(value).toFixed(1)
    return (
      `<line x1="${left}" x2="${left + width}" y1="${at}" y2="${at}" class="grid"/>` +
      `<text x="${left - 6}" y="${Number(at) + 4}" text-anchor="end">${visibleHtml(format(value))}</text>`
    )
  })
  const body = `${ticks.join('')}${dots.join('')}<polyline points="${given}" class="given"/>`
  return svg(title, left + width + 20, top + height + 12, body)
}

/** Share that came true against probability given; the diagonal is perfect. Larger circles: more answers. */
export function calibrationChart(
  title: string,
  bins: readonly { readonly given: number; readonly found: number; readonly count: number }[],
): string {
  const [left, top, size] = [50, 8, 240]
  const most = Math.max(...bins.map(({ count }) => count), 1)
  const x = (share: number) => (left + share * size).toFixed(1)
  const y = (share: number) => (top + size - share * size).toFixed(1)
  const ticks = [0, 0.5, 1].map(
    (share) =>
      `<line x1="${x(0)}" x2="${x(1)}" y1="${y(share)}" y2="${y(share)}" class="grid"/>` +
      `<text x="${left - 6}" y="${Number(y(share)) + 4}" text-anchor="end">${share * 100} %</text>` +
      `<text x="${x(share)}" y="${top + size + 16}" text-anchor="middle">${share * 100} %</text>`,
  )
  const dots = bins.map(({ given, found, count }) => {
    const radius = (2 + 8 * Math.sqrt(count / most)).toFixed(1)
    return `<circle cx="${x(given)}" cy="${y(found)}" r="${radius}" class="ours"/>`
  })
  const diagonal = `<line x1="${x(0)}" y1="${y(0)}" x2="${x(1)}" y2="${y(1)}" class="other-line"/>`
  return svg(title, left + size + 30, top + size + 24, ticks.join('') + diagonal + dots.join(''))
}

function svg(title: string, width: number, height: number, body: string): string {
  return `<svg role="img" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"><title>${visibleHtml(title)}</title>${body}</svg>`
}
