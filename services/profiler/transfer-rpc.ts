import { ForesizeError } from '../../shared/domain/errors.ts'
import type { ProfileKey } from '../../shared/domain/profile.ts'
import { checkText } from '../../shared/wire/fields.ts'
import type {
  ExportProfilesRequest,
  ExportProfilesResponse,
  ImportHeader,
  ImportProfilesRequest,
  ImportProfilesResponse,
} from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { inspect } from '../../shared/wire/inspection.ts'
import type { FoldSettings } from './domain/fold.ts'
import { profileFormats } from './profile-format.ts'
import { type RoomSettings, roomFor, type Scope } from './room.ts'
import type { ProfileStore } from './store.ts'
import { exportProfiles, type ImportOptions, importProfiles } from './transfer.ts'

export async function* exportRpc(
  store: ProfileStore,
  request: ExportProfilesRequest,
): AsyncIterable<ExportProfilesResponse> {
  const format = profileFormats[request.format - 1]
  inspect((seen) => {
    if (!format) seen.reject('format', `has no value ${request.format}`)
    for (const [index, namespace] of request.namespaces.entries())
      checkText(namespace, `namespaces[${index}]`, seen)
  })
  for await (const { data, profiles } of exportProfiles(store, request.namespaces, format ?? 'protobuf')) {
    yield { data: data as Buffer, profiles }
  }
}

export interface ImportParts {
  readonly store: ProfileStore
  readonly nowUnixMs: () => number
  readonly settings: FoldSettings & RoomSettings
  readonly letIn: (namespaces: readonly string[], scope: Scope) => Promise<void>
  readonly refuseNamespace: (namespace: string, scope: Scope) => string | undefined
  /** Of whoever imports. */
  readonly scope: Scope
}

export async function importRpc(
  requests: AsyncIterable<ImportProfilesRequest>,
  { store, nowUnixMs, settings, letIn, refuseNamespace, scope }: ImportParts,
): Promise<ImportProfilesResponse> {
  const iterator = requests[Symbol.asyncIterator]()
  const first = (await iterator.next()).value as ImportProfilesRequest | undefined
  if (first?.message?.$case !== 'header')
    throw new ForesizeError('invalid', 'header: must be the first message')
  const options = readHeader(first.message.value)

  const refuseNew = async (key: ProfileKey) => {
    await letIn([key.namespace], scope)
    return refuseNamespace(key.namespace, scope) ?? roomFor(store, settings).refusalOf(key, scope)
  }

  return importProfiles(store, dataOf(iterator), options, nowUnixMs, { ...settings, refuseNew })
}

function readHeader(header: ImportHeader): ImportOptions {
  return inspect((seen) => {
    const format = profileFormats[header.format - 1]
    if (format === undefined) seen.reject('header.format', `has no value ${header.format}`)
    if (format === 'csv-summary') seen.reject('header.format', 'a summary cannot be imported')
    const mode = (['merge', 'replace'] as const)[header.mode - 1]
    if (mode === undefined) seen.reject('header.mode', `has no value ${header.mode}`)
    return {
      format: format === 'json-lines' ? format : 'protobuf',
      mode: mode ?? 'merge',
      dryRun: header.dryRun,
    }
  })
}

/** Bytes of one piece, as the contract states. */
const maxPieceBytes = 1024 * 1024

async function* dataOf(iterator: AsyncIterator<ImportProfilesRequest>): AsyncIterable<Uint8Array> {
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
    const { message } = next.value
    if (message?.$case !== 'data') throw new ForesizeError('invalid', 'data: must follow the header')
    if (message.value.length > maxPieceBytes) {
      throw new ForesizeError(
        'invalid',
        `data: must be at most ${maxPieceBytes} bytes, has ${message.value.length}`,
      )
    }
    yield message.value
  }
}
