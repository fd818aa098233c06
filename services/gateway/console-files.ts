import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** Where `make console` puts the pages, beside the sources and in the image alike. */
export const builtConsole = join(import.meta.dirname, '../../dist/console')

/** A file of the console as it is sent. */
export interface ConsoleFile {
  readonly contentType: string
  readonly content: Buffer
  readonly gzipped: Buffer
  /** Of the content: the times of files say nothing in an image that is the same bytes whenever it is built. */
  readonly etag: string
  /** Its name has a hash of its content. */
  readonly isImmutable: boolean
}

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

export const isConsoleBuilt = (folder: string = builtConsole): boolean =>
  existsSync(join(folder, 'index.html'))

/** The built pages by their place, such as `index.html`; undefined where they were not built. */
export function readConsole(folder: string): ReadonlyMap<string, ConsoleFile> | undefined {
  if (!isConsoleBuilt(folder)) return undefined
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return new Map(
    files.flatMap((place): readonly [string, ConsoleFile][] => {
      const contentType = contentTypes[extname(place)]
      if (contentType === undefined) return []
      const content = readFileSync(join(folder, place))
      const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`
      const isImmutable = place.startsWith('assets/')
      return [[place, { contentType, content, gzipped: gzipSync(content, { level: 9 }), etag, isImmutable }]]
    }),
  )
}
