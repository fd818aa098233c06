import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { readTrace, TraceError, type TraceOptions, type TraceRow } from './trace.ts'

export interface TraceFile {
  /** The file's name without folder and `.csv` or `.csv.gz`. */
  readonly name: string
  readonly rows: readonly TraceRow[]
}

/** Throws: TraceError, naming the file. */
export function readTraceFile(path: string, options: TraceOptions): TraceFile {
  try {
    const bytes = readFileSync(path)
    const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b
    const text = (isGzip ? gunzipSync(bytes) : bytes).toString('utf8')
    return { name: basename(path).replace(/\.csv(\.gz)?$/, ''), rows: readTrace(text, options) }
  } catch (error) {
    throw new TraceError(`${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
