import { type PlotOptions, plot } from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { visibleHtml } from '../../shared/domain/text.ts'

/** Widths that a plot is drawn at, in pixels: a report runs no script that could draw it anew. */
export const plotWidths = { wide: 760, narrow: 336 } as const

/** A plot with its title, drawn once for each width; the page shows the one that fits. */
export function figure(title: string, draw: (width: number) => PlotOptions): string {
  const drawn = Object.entries(plotWidths).map(
    ([name, width]) => `<div class="${name}">${svgOf(draw(width))}</div>`,
  )
  return `<figure><figcaption>${visibleHtml(title)}</figcaption>${drawn.join('')}</figure>`
}

function svgOf(options: PlotOptions): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const svg = plot({ ...options, document })
  svg.setAttribute('role', 'img')
  // What is within an image is not read out, and a group of no role must not be named.
  for (const group of svg.querySelectorAll('g[aria-label]')) group.removeAttribute('aria-label')
  return svg.outerHTML
}
