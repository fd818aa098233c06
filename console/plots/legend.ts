import type { RenderFunction } from '@observablehq/plot'
import { colours } from './palette.ts'

/** An element of SVG, whatever document it is made in. */
type Drawn = NonNullable<ReturnType<RenderFunction>>

export interface LegendItem {
  readonly label: string
  readonly shape: 'dot' | 'cross' | 'line' | 'dashed' | 'area'
  readonly colour: string
}

/** About as wide as a letter is at the plots' size. */
const letterWidth = 6.3

const rowHeight = 16

/** Rows that a legend takes at a width. */
export const legendHeight = (items: readonly LegendItem[], width: number): number =>
  rows(items, width - 16).length * rowHeight + 6

/** The legend above the plot, a part of the picture: a file of it says what is what. */
export function legend(items: readonly LegendItem[]): RenderFunction {
  return (_index, _scales, _values, dimensions, context) => {
    const make = (name: string, attributes: Readonly<Record<string, string | number>>) => {
      const element = context.document.createElementNS('http://www.w3.org/2000/svg', name)
      for (const [attribute, value] of Object.entries(attributes))
        element.setAttribute(attribute, String(value))
      return element
    }
    const group = make('g', { 'aria-hidden': 'true', 'text-anchor': 'start' })
    for (const [r, row] of rows(items, dimensions.width - 16).entries()) {
      let x = 8
      for (const item of row) {
        const y = 10 + r * rowHeight
        group.append(swatch(item, x, y, make))
        const text = make('text', { x: x + 20, y, dy: '0.32em', fill: colours.text })
        text.textContent = item.label
        group.append(text)
        x += widthOf(item)
      }
    }
    return group as Drawn
  }
}

const widthOf = ({ label }: LegendItem) => 20 + label.length * letterWidth + 14

function rows(items: readonly LegendItem[], width: number): readonly (readonly LegendItem[])[] {
  const found: LegendItem[][] = [[]]
  let used = 0
  for (const item of items) {
    if (used > 0 && used + widthOf(item) > width) {
      found.push([])
      used = 0
    }
    found.at(-1)?.push(item)
    used += widthOf(item)
  }
  return found
}

function swatch(
  { shape, colour }: LegendItem,
  x: number,
  y: number,
  make: (name: string, attributes: Readonly<Record<string, string | number>>) => Drawn,
): Drawn {
  switch (shape) {
    case 'dot':
      return make('circle', { cx: x + 8, cy: y, r: 3.5, fill: colour })
    case 'cross':
      return make('path', { d: `M${x + 4},${y - 4}l8,8m0,-8l-8,8`, stroke: colour, 'stroke-width': 2 })
    case 'area':
      return make('rect', { x, y: y - 5, width: 16, height: 10, fill: colour })
    case 'line':
    case 'dashed':
      return make('line', {
        x1: x,
        x2: x + 16,
        y1: y,
        y2: y,
        stroke: colour,
        'stroke-width': 2,
        ...(shape === 'dashed' ? { 'stroke-dasharray': '4,3' } : {}),
      })
  }
}
