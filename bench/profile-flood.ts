import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire'
import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js'
import { profileKindEnum } from '../shared/wire/enums.ts'
import { ProfileKey } from '../shared/wire/gen/foresize/v1/profile.ts'
import {
  ProfilerServiceService,
  WatchProfilesResponse,
} from '../shared/wire/gen/foresize/v1/profiler_service.ts'
import { encodeProfile } from '../shared/wire/profile-bytes.ts'
import { generatedHistory } from '../test/support/generated-profiles.ts'
import { profileOf } from '../test/support/histories.ts'

export interface Flood {
  readonly profiles: number
  /** Of one task at most: those of the tasks are spread evenly from one to so many. */
  readonly executions: number
}

/**
 * Tells each watcher of so many profiles, then that this was all, in a process of its own: what an estimator does with a
 * million, without what it takes a profiler to store them.
 */
process.once('message', ({ profiles, executions }: Flood) => {
  const bodies = Array.from({ length: kinds }, (_, seed) => {
    const history = generatedHistory(seed).slice(0, 1 + (seed % executions))
    return withoutKey(encodeProfile({ ...profileOf(history), folded: new Float64Array() }))
  })
  const server = new Server({ 'grpc.max_send_message_length': -1 })
  const { watchProfiles } = ProfilerServiceService
  server.addService(
    { watchProfiles: { ...watchProfiles, responseSerialize: (bytes: Buffer) => bytes } },
    { watchProfiles: (call: ServerWritableStream<unknown, Buffer>) => void tell(call, bodies, profiles) },
  )
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) throw error
    process.send?.(`127.0.0.1:${port}`)
  })
})

process.on('disconnect', () => process.exit(0))

/** Histories that differ. */
const kinds = 512

/** Without a namespace's own profiles: of tasks, a thousand in each namespace. */
async function tell(
  call: ServerWritableStream<unknown, Buffer>,
  bodies: readonly Uint8Array[],
  count: number,
): Promise<void> {
  const kind = profileKindEnum.toWire('task')
  for (let i = 0; i < count; i++) {
    const key = { namespace: `team-${Math.floor(i / 1000)}`, kind, task: `task-${i}` }
    const profile = Buffer.concat([
      new BinaryWriter().uint32(keyTag).bytes(ProfileKey.encode(key).finish()).finish(),
      bodies[i % kinds] as Uint8Array,
    ])
    const message = new BinaryWriter().uint32(profileTag).bytes(profile).finish()
    if (!call.write(Buffer.from(message))) await new Promise((resolve) => call.once('drain', resolve))
  }
  const end = WatchProfilesResponse.encode({ cursor: '1', change: { $case: 'caughtUp', value: {} } }).finish()
  call.write(Buffer.from(end))
}

const keyTag = (1 << 3) | 2
const profileTag = (2 << 3) | 2

function withoutKey(bytes: Uint8Array): Uint8Array {
  const reader = new BinaryReader(bytes)
  const [field, wireType] = reader.tag()
  if (field !== keyTag >>> 3) throw new Error('a profile begins with its key')
  reader.skip(wireType)
  return bytes.subarray(reader.pos)
}
