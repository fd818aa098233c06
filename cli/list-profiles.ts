import type { ProfileKind } from '../shared/domain/profile.ts'
import { call } from '../shared/rpc/client.ts'
import { profileKindEnum } from '../shared/wire/enums.ts'
import type { ProfileSummary } from '../shared/wire/gen/foresize/v1/profile.ts'
import type { CommandInput } from './command.ts'
import { calling, deadlineOf, profilerOf } from './connection.ts'

export interface Listing {
  readonly namespace: string
  readonly kind: ProfileKind
  /** Only those whose task begins so. */
  readonly taskPrefix?: string
  /** Default all. */
  readonly limit?: number
}

export interface Listed {
  readonly profiles: readonly ProfileSummary[]
  /** Beyond `limit`. */
  readonly hasMore: boolean
}

const pageSize = 1000

/** What a line each says of profiles, page by page: one call after the other. Throws: CallError. */
export async function listProfiles(
  input: CommandInput,
  { namespace, kind, taskPrefix = '', limit = Number.POSITIVE_INFINITY }: Listing,
): Promise<Listed> {
  const client = profilerOf(input)
  const profiles: ProfileSummary[] = []
  let pageToken = ''
  try {
    do {
      const request = {
        ...{ namespace, taskPrefix, pageToken },
        kind: profileKindEnum.toWire(kind),
        pageSize: Math.min(limit - profiles.length, pageSize),
      }
      const page = await calling(input, 'profiler', () =>
        call(client.listProfiles.bind(client), request, deadlineOf(input)),
      )
      profiles.push(...page.profiles)
      pageToken = page.nextPageToken
    } while (pageToken !== '' && profiles.length < limit)
    return { profiles, hasMore: pageToken !== '' }
  } finally {
    client.close()
  }
}
