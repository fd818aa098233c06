import { once } from 'node:events'
import { createReadStream, createWriteStream, statSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Metadata } from '@grpc/grpc-js'
import { formatBytes } from '../shared/domain/quantity-text.ts'
import {
  ImportMode,
  type ImportProfilesRequest,
  ImportProfilesResponse,
  ProfileFormat,
} from '../shared/wire/gen/foresize/v1/profiler_service.ts'
import { type CommandInput, flag, text } from './command.ts'
import { calling, profilerOf } from './connection.ts'
import { readWord } from './options.ts'
import { createProgress, type Progress } from './progress.ts'

const formats = {
  protobuf: ProfileFormat.PROFILE_FORMAT_PROTOBUF,
  'json-lines': ProfileFormat.PROFILE_FORMAT_JSON_LINES,
  csv: ProfileFormat.PROFILE_FORMAT_CSV_SUMMARY,
} as const

const modes = { merge: ImportMode.IMPORT_MODE_MERGE, replace: ImportMode.IMPORT_MODE_REPLACE } as const

export const formatNames = Object.keys(formats) as (keyof typeof formats)[]
const modeNames = Object.keys(modes) as (keyof typeof modes)[]

/** Writes profiles to a file, which appears whole or not at all, or to standard output. */
export async function exportProfiles(input: CommandInput, path: string | undefined): Promise<number> {
  const format = formats[formatOf(input, path)]
  const namespace = text(input, 'namespace')
  const client = profilerOf(input)
  const progress = progressOf(input)
  let profiles = 0
  let bytes = 0
  try {
    const stream = client.exportProfiles({ format, namespaces: namespace === undefined ? [] : [namespace] })
    async function* pieces(): AsyncIterable<Buffer> {
      for await (const { data, profiles: sofar } of stream) {
        profiles = sofar
        bytes += data.length
        progress.update(`${profiles} profiles, ${formatBytes(bytes)}`)
        yield data
      }
    }
    await calling(input, 'profiler', async () => {
      if (path === undefined) await pipeline(pieces, process.stdout, { end: false })
      else await writeWhole(path, pieces)
    })
    progress.end()
    input.err(
      `Exported ${profiles} profiles, ${formatBytes(bytes)}${path === undefined ? '' : ` to ${path}`}.\n`,
    )
    return 0
  } finally {
    progress.end()
    client.close()
  }
}

async function writeWhole(path: string, pieces: () => AsyncIterable<Buffer>): Promise<void> {
  const part = `${path}.part`
  try {
    await pipeline(pieces, createWriteStream(part, { flush: true }))
    await rename(part, path)
  } catch (error) {
    await rm(part, { force: true }).catch(() => {})
    throw error
  }
}

/** Reads profiles from a file, or from standard input. Exit code 1 where any was refused. */
export async function importProfiles(input: CommandInput, path: string | undefined): Promise<number> {
  const format = formats[formatOf(input, path)]
  const mode = modes[readWord(input, 'mode', modeNames) ?? 'merge']
  const dryRun = flag(input, 'dry-run')
  const total = path === undefined ? undefined : statSync(path).size
  const client = profilerOf(input)
  const progress = progressOf(input)
  try {
    const answer = await calling(input, 'profiler', async () => {
      const { promise, resolve, reject } = Promise.withResolvers<ImportProfilesResponse>()
      const stream = client.importProfiles(new Metadata(), (error, response) => {
        if (error === null) resolve(response)
        else reject(error)
      })
      stream.on('error', reject)
      const sent = send(stream, path, { format, mode, dryRun }, (bytes) => progress.update(bar(bytes, total)))
      // A server that refuses the file ends the call before it was all sent.
      await Promise.race([sent, promise])
      return promise
    })
    progress.end()
    if (flag(input, 'json')) input.out(`${JSON.stringify(ImportProfilesResponse.toJSON(answer), null, 2)}\n`)
    else input.out(describe(answer, dryRun))
    return answer.rejected > 0 ? 1 : 0
  } finally {
    progress.end()
    client.close()
  }
}

async function send(
  stream: Writable,
  path: string | undefined,
  header: { readonly format: ProfileFormat; readonly mode: ImportMode; readonly dryRun: boolean },
  onBytes: (bytes: number) => void,
): Promise<void> {
  const write = async (message: ImportProfilesRequest['message']) => {
    if (!stream.write({ message })) await once(stream, 'drain')
  }
  await write({ $case: 'header', value: header })
  let bytes = 0
  for await (const data of path === undefined ? process.stdin : createReadStream(path)) {
    await write({ $case: 'data', value: data })
    bytes += data.length
    onBytes(bytes)
  }
  stream.end()
}

/** By `--format`, else by the file's name, else protobuf. */
function formatOf(input: CommandInput, path: string | undefined): keyof typeof formats {
  return readWord(input, 'format', formatNames) ?? byEnding(path)
}

function byEnding(path: string | undefined): keyof typeof formats {
  if (path?.endsWith('.jsonl') || path?.endsWith('.ndjson')) return 'json-lines'
  return path?.endsWith('.csv') ? 'csv' : 'protobuf'
}

function progressOf(input: CommandInput): Progress {
  const isTerminal = process.stderr.isTTY === true
  if (!isTerminal) return { update() {}, say() {}, end() {} }
  return createProgress(input.err, true, () => process.stderr.columns ?? 80)
}

function bar(bytes: number, total: number | undefined): string {
  if (total === undefined || total === 0) return formatBytes(bytes)
  const share = Math.min(1, bytes / total)
  return `${'█'.repeat(Math.round(share * 30)).padEnd(30, '░')} ${formatBytes(bytes)} of ${formatBytes(total)}`
}

function describe(answer: ImportProfilesResponse, dryRun: boolean): string {
  const { created, changed, unchanged, rejected, rejections } = answer
  const done = `${created} new, ${changed} changed, ${unchanged} the same, ${rejected} refused`
  const refused = rejections.map(({ index, violations }) => {
    const why = violations.map(({ field, description }) => `${field} ${description}`).join('; ')
    return `  profile ${index}: ${why}\n`
  })
  return `${dryRun ? 'Would be: ' : ''}${done}.\n${refused.join('')}`
}
