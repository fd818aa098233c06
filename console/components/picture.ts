/** Attributes whose colours are CSS variables in the page and have to be values in a file. */
const coloured = ['fill', 'stroke', 'color', 'font-family'] as const

/** The picture as a file of its own: colours and letters as they are seen now, on their ground. */
export function standaloneSvg(shown: SVGSVGElement): string {
  const copy = shown.cloneNode(true) as SVGSVGElement
  const { width, height } = shown.getBoundingClientRect()
  const style = getComputedStyle(shown)
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  copy.setAttribute('width', String(Math.round(width)))
  copy.setAttribute('height', String(Math.round(height)))
  copy.removeAttribute('style')
  copy.removeAttribute('class')
  copy.setAttribute('color', style.color)
  copy.setAttribute('font-family', style.fontFamily)
  copy.setAttribute('font-size', style.fontSize)
  const resolve = colourResolver(shown)
  for (const element of [copy, ...copy.querySelectorAll('*')]) {
    for (const name of coloured) {
      const value = element.getAttribute(name)
      if (value?.includes('var(') || value === 'currentColor') element.setAttribute(name, resolve(value))
    }
  }
  const ground = document.createElementNS('http://www.w3.org/2000/svg', 'rect')
  ground.setAttribute('width', '100%')
  ground.setAttribute('height', '100%')
  ground.setAttribute('fill', resolve('var(--plot-ground)'))
  copy.prepend(ground)
  return new XMLSerializer().serializeToString(copy)
}

function colourResolver(near: Element): (value: string) => string {
  const seen = new Map<string, string>()
  return (value) => {
    const known = seen.get(value)
    if (known !== undefined) return known
    const probe = document.createElement('span')
    probe.style.color = value
    near.parentElement?.append(probe)
    const colour = getComputedStyle(probe).color
    probe.remove()
    seen.set(value, colour)
    return colour
  }
}

/** Twice as fine as on the page. */
export async function pngOf(svg: string): Promise<Blob> {
  const address = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }))
  try {
    const image = new Image()
    image.src = address
    await image.decode()
    const canvas = document.createElement('canvas')
    canvas.width = image.width * 2
    canvas.height = image.height * 2
    canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height)
    return await new Promise<Blob>((resolve, reject) =>
      canvas.toBlob((blob) =>
        blob === null ? reject(new Error('the picture could not be drawn')) : resolve(blob),
      ),
    )
  } finally {
    URL.revokeObjectURL(address)
  }
}
