import {
  ProfilerServiceService,
  WatchProfilesResponse,
} from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { fromProfileKey } from '../../shared/wire/profile.ts'
import { writeProfile, written } from '../../shared/wire/profile-bytes.ts'
import type { StoreChange } from './store.ts'

const cursorTag = (1 << 3) | 2
const profileTag = (2 << 3) | 2

/** A change as WatchProfilesResponse: a profile that many watch is not turned into a message for each of them. */
function encodeChange(change: StoreChange): Buffer {
  const { cursor } = change
  switch (change.type) {
    case 'profile':
      return written((writer) => {
        if (cursor !== '') writer.uint32(cursorTag).string(cursor)
        writeProfile(change.profile, writer.uint32(profileTag).fork())
        writer.join()
      })
    case 'deleted':
      return encode({ cursor, change: { $case: 'deleted', value: fromProfileKey(change.key) } })
    case 'caught-up':
      return encode({ cursor, change: { $case: 'caughtUp', value: {} } })
    case 'resync':
      return encode({ cursor, change: { $case: 'resync', value: {} } })
  }
}

const encode = (message: WatchProfilesResponse) => Buffer.from(WatchProfilesResponse.encode(message).finish())

/** The service as generated, but that a change is encoded from the domain's value. */
export const profilerDefinition = {
  ...ProfilerServiceService,
  watchProfiles: { ...ProfilerServiceService.watchProfiles, responseSerialize: encodeChange },
} as const
