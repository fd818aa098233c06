import { parseHTML } from 'linkedom'
import { expect } from 'vitest'

/** Where a text of a picture lies, in pixels of the picture: about so, as no font is at hand. */
export interface TextBox {
  readonly text: string
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

export interface Picture {
  readonly width: number
  readonly height: number
  readonly fontSize: string
  readonly texts: readonly TextBox[]
}

const letterWidth = 6.6
/** Above and below the line that letters stand on. */
const [ascent, descent] = [9, 2]
const pixelsPerEm = 12

/** The pictures of a page and what is written in them. */
export function picturesOf(html: string): readonly Picture[] {
  const { document } = parseHTML(html)
  return [...document.querySelectorAll('svg')].map((svg) => ({
    width: Number(svg.getAttribute('width')),
    height: Number(svg.getAttribute('height')),
    fontSize: svg.style.fontSize || svg.getAttribute('font-size') || '',
    texts: [...svg.querySelectorAll('text')].map((text) => boxOf(text)),
  }))
}

type Drawn = ReturnType<typeof parseHTML>['document']['documentElement']

function boxOf(text: Drawn): TextBox {
  let [x, y, anchor] = [length(text.getAttribute('x')), length(text.getAttribute('y')), '']
  x += length(text.getAttribute('dx'))
  y += length(text.getAttribute('dy'))
  for (let each: Drawn | null = text; each !== null && each.tagName !== 'svg'; each = each.parentElement) {
    const [, dx = '0', dy = '0'] =
      /translate\(([-\d.e]+)(?:,([-\d.e]+))?\)/.exec(each.getAttribute('transform') ?? '') ?? []
    x += Number(dx)
    y += Number(dy)
    anchor ||= each.getAttribute('text-anchor') ?? ''
  }
  const words = text.textContent ?? ''
  const width = words.length * letterWidth
  const left = anchor === 'end' ? x - width : anchor === 'start' ? x : x - width / 2
  return { text: words, left, right: left + width, top: y - ascent, bottom: y + descent }
}

/** Pixels. */
const length = (value: string | null): number =>
  value === null ? 0 : Number.parseFloat(value) * (value.endsWith('em') ? pixelsPerEm : 1)

/** Texts that leave their picture, or lie on one another. */
export function faultsOf({ width, height, texts }: Picture): readonly string[] {
  const cut = texts.filter(
    ({ left, right, top, bottom }) => left < -2 || top < -2 || right > width + 2 || bottom > height + 2,
  )
  const overlapping = texts.flatMap((a, i) =>
    texts
      .slice(i + 1)
      .filter((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
      .map((b) => `"${a.text}" lies on "${b.text}"`),
  )
  return [...cut.map(({ text }) => `"${text}" is cut`), ...overlapping]
}

/** A page that runs nothing, asks for nothing, and says so to the browser. */
export function expectSelfContained(page: string): void {
  expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"`)
  expect(page).not.toMatch(/<script|<iframe|<object|<embed|<base|\son\w+=|src=|url\(|@import/i)
  expect(page.match(/href="[^"]*"/g)).toEqual(['href="data:,"'])
}
