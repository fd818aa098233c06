import type { Profile } from '../../shared/domain/profile.ts'
import { inTurns } from '../../shared/runtime/turns.ts'
import { type ByteWriter, beginMessage, endMessage, writeText } from '../../shared/wire/byte-writer.ts'
import {
  ProfilerServiceService,
  WatchProfilesResponse,
} from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { fromProfileKey } from '../../shared/wire/profile.ts'
import { written } from '../../shared/wire/profile-bytes.ts'
import { writeProfile } from '../../shared/wire/profile-writer.ts'
import { readStreamUsage } from '../../shared/wire/usage-reader.ts'
import { sentExecutionSteps } from './sent-executions.ts'
import type { StoreChange } from './store.ts'

const cursorTag = (1 << 3) | 2
const profileTagOfChange = (2 << 3) | 2
const profileTagOfAnswer = (1 << 3) | 2

/** A change as WatchProfilesResponse: a profile that many watch is not turned into a message for each of them. */
export function encodeChange(change: StoreChange): Buffer | Promise<Buffer> {
  const { cursor } = change
  switch (change.type) {
    case 'profile':
      return encodeWithProfile(change.profile, (writer) => {
        if (cursor !== '') writeText(writer, cursorTag, cursor)
        return profileTagOfChange
      })
    case 'deleted':
      return encode({ cursor, change: { $case: 'deleted', value: fromProfileKey(change.key) } })
    case 'caught-up':
      return encode({ cursor, change: { $case: 'caughtUp', value: {} } })
    case 'resync':
      return encode({ cursor, change: { $case: 'resync', value: {} } })
  }
}

/** A profile as GetProfileResponse. */
export const encodeAnswer = (profile: Profile): Promise<Buffer> =>
  encodeWithProfile(profile, () => profileTagOfAnswer)

/** @param begin writes what stands before the profile, and says by which tag that follows. */
const encodeWithProfile = (profile: Profile, begin: (writer: ByteWriter) => number): Promise<Buffer> =>
  inTurns(
    written(function* (writer) {
      const start = beginMessage(writer, begin(writer))
      yield* writeProfile(profile, writer, sentExecutionSteps)
      endMessage(writer, start)
    }),
  )

const encode = (message: WatchProfilesResponse) => Buffer.from(WatchProfilesResponse.encode(message).finish())

const asItIs = (bytes: Buffer) => bytes

/** The service as generated, but that answers which hold a profile are encoded before, from the domain's value, and samples are read by hand. */
export const profilerDefinition = {
  ...ProfilerServiceService,
  streamUsage: { ...ProfilerServiceService.streamUsage, requestDeserialize: readStreamUsage },
  watchProfiles: { ...ProfilerServiceService.watchProfiles, responseSerialize: asItIs },
  getProfile: { ...ProfilerServiceService.getProfile, responseSerialize: asItIs },
} as const
