import { type PlotOptions, plot } from '@observablehq/plot'
import { type ReactNode, useLayoutEffect, useRef, useState } from 'react'
import type { PlotSize } from '../plots/frame.ts'
import { download, fileName } from './download.ts'
import { pngOf, standaloneSvg } from './picture.ts'

export interface PlotFigureProps {
  readonly title: string
  readonly note?: ReactNode
  /** Of what it is, for the name of a file. */
  readonly of: string
  readonly height?: number
  readonly make: (size: PlotSize) => PlotOptions
}

/** A plot as wide as its place, with its title and its files. */
export function PlotFigure({ title, note, of, height = 300, make }: PlotFigureProps) {
  const place = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)

  useLayoutEffect(() => {
    const element = place.current
    if (element === null) return undefined
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])

  useLayoutEffect(() => {
    if (width === 0) return
    const picture = plot(make({ width, height }))
    // Its rules are in the page's sheet: the policy of the page allows no style beside it.
    for (const style of picture.querySelectorAll('style')) style.remove()
    // The picture is named as one; its parts are none by themselves.
    for (const part of picture.querySelectorAll('[aria-label]')) part.removeAttribute('aria-label')
    picture.setAttribute('role', 'img')
    place.current?.replaceChildren(picture)
  }, [make, width, height])

  const svg = () => {
    const shown = place.current?.querySelector('svg')
    return shown ? standaloneSvg(shown) : ''
  }
  const name = `${of} ${title}`
  return (
    <figure className="plot-figure">
      <figcaption>
        <h3>{title}</h3>
        <span className="exports">
          <button
            type="button"
            onClick={() => download(fileName(name, 'svg'), new Blob([svg()], { type: 'image/svg+xml' }))}
            aria-label={`Save ${title} as SVG`}
          >
            SVG
          </button>
          <button
            type="button"
            onClick={() => void pngOf(svg()).then((png) => download(fileName(name, 'png'), png))}
            aria-label={`Save ${title} as PNG`}
          >
            PNG
          </button>
        </span>
      </figcaption>
      <div ref={place} className="plot-place" style={{ minHeight: height }} />
      {note === undefined ? null : <p className="note">{note}</p>}
    </figure>
  )
}
