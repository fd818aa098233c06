import type { Client } from '@grpc/grpc-js'
import { Client as GrpcClient } from '@grpc/grpc-js'
import { type ClientSettings, call, channelCredentials, clientOptionsFor } from '../../shared/rpc/client.ts'
import {
  type GetProfileRequest,
  ProfilerServiceService,
  type WatchProfilesRequest,
} from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { fromProfileKey } from '../../shared/wire/profile.ts'
import { readGetProfileResponse, readWatchMessage } from './profile-bytes.ts'
import type { ProfileSource } from './replica.ts'

/** Sent ahead of what was read, at most: all profiles come over one stream, which 64 KiB at a time would wait for the network. */
const windowBytes = 1_048_576

/** The profiler over gRPC, its profiles left encoded. Nothing is dialled before the first call. */
export function grpcProfileSource(
  settings: ClientSettings,
  namespaces: readonly string[],
): ProfileSource & { close(): void } {
  const client: Client = new GrpcClient(settings.target, channelCredentials(settings), {
    ...clientOptionsFor(settings),
    'grpc-node.flow_control_window': windowBytes,
  })
  const { watchProfiles, getProfile } = ProfilerServiceService
  return {
    watch: (cursor) =>
      client.makeServerStreamRequest(watchProfiles.path, watchProfiles.requestSerialize, readWatchMessage, {
        namespaces: [...namespaces],
        cursor,
        omitFolded: true,
      } satisfies WatchProfilesRequest),
    async get(key, deadlineMs) {
      const profile = await call<GetProfileRequest, ReturnType<typeof readGetProfileResponse>>(
        (request, metadata, options, callback) =>
          client.makeUnaryRequest(
            getProfile.path,
            getProfile.requestSerialize,
            readGetProfileResponse,
            request,
            metadata,
            options,
            (error, response) => callback(error, response),
          ),
        { key: fromProfileKey(key) },
        deadlineMs,
      )
      if (profile === undefined) throw new Error('GetProfile answered without a profile')
      return profile
    },
    close: () => client.close(),
  }
}
