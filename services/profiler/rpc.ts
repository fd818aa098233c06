import type { handleServerStreamingCall, handleUnaryCall } from '@grpc/grpc-js'
import { ForesizeError } from '../../shared/domain/errors.ts'
import { nothingFolded, type ProfileKey } from '../../shared/domain/profile.ts'
import type { Handlers } from '../../shared/rpc/handlers.ts'
import { scopeOf, tenantOf } from '../../shared/rpc/principal.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import type { HeldBytes } from '../../shared/runtime/held-bytes.ts'
import { checkText } from '../../shared/wire/fields.ts'
import type {
  GetProfileRequest,
  ProfilerServiceServer,
  WatchProfilesRequest,
} from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { inspect } from '../../shared/wire/inspection.ts'
import { toProfileKey } from '../../shared/wire/profile.ts'
import { fromDurability } from './durability.ts'
import { listNamespaces, listProfiles } from './listing.ts'
import { reportEnd } from './report-end.ts'
import type { ProfileStore } from './store.ts'
import { exportRpc, type ImportParts, importRpc } from './transfer-rpc.ts'
import { endProfiling, startProfiling, updateProfile } from './unary-profiling.ts'
import { type UsageStreamParts, type UsageStreamSettings, usageStream } from './usage-stream.ts'
import { encodeAnswer, encodeChange } from './watch-bytes.ts'

export interface ProfilerParts extends UsageStreamParts {
  readonly store: ProfileStore
  readonly settings: UsageStreamSettings & ImportParts['settings']
  readonly unaryLeaseMs: number
  /** WatchProfiles streams at once, and the largest part of them for one tenant. */
  readonly maxWatchers: number
  readonly maxHeldShare: number
  /** Between two rounds of changes to one watcher. */
  readonly watchIntervalMs: number
  readonly held: HeldBytes
}

type ProfilerServer = Omit<ProfilerServiceServer, 'watchProfiles' | 'getProfile'> & {
  readonly watchProfiles: handleServerStreamingCall<WatchProfilesRequest, Buffer>
  readonly getProfile: handleUnaryCall<GetProfileRequest, Buffer>
}

/** The methods of `profilerDefinition`: wire in, one call, wire out. */
export function profilerRpc(
  { unary, serverStream, clientStream, bidi }: Handlers,
  parts: ProfilerParts,
): ProfilerServer {
  const { ingestion, store, unaryLeaseMs } = parts
  const durability = fromDurability(store.durability)
  const watchers = seats(parts.maxWatchers, parts.maxHeldShare, parts.held)

  return {
    streamUsage: bidi(usageStream(parts)),
    startProfiling: unary(async (request, { principal }) => ({
      leaseMs: await startProfiling(ingestion, request, unaryLeaseMs, principal),
      durability,
    })),
    endProfiling: unary(async (request, { principal }) => ({
      folded: await endProfiling(ingestion, request, unaryLeaseMs, principal),
      durability,
    })),
    reportEnd: unary(async (request, { principal }) => ({
      folded: await reportEnd(ingestion, request, unaryLeaseMs, principal),
      durability,
    })),
    updateProfile: unary(async (request, { principal }) => ({
      ...(await updateProfile(ingestion, request, principal)),
      durability,
    })),
    getProfile: unary(async (request: GetProfileRequest) => {
      const key = inspect((seen) => toProfileKey(request.key, 'key', seen))
      const profile = await store.get(key)
      if (!profile) throw unknownProfile(key)
      return encodeAnswer(profile)
    }),
    listProfiles: unary((request) => listProfiles(store, request)),
    listNamespaces: unary((request, { principal }) => listNamespaces(store, request, principal)),
    deleteProfile: unary(async (request) => {
      const key = inspect((seen) => toProfileKey(request.key, 'key', seen))
      let existed = false
      const change = (before: object | undefined) => {
        existed = before !== undefined
        return undefined
      }
      await store.commit({ changes: [{ key, change }], checkpoints: new Map() })
      if (!existed) throw unknownProfile(key)
      return {}
    }),
    watchProfiles: serverStream<WatchProfilesRequest, Buffer>((request, { signal, principal }) =>
      watchers.taken(watch(parts, request, either(signal, parts.stopping)), tenantOf(principal)),
    ),
    exportProfiles: serverStream((request) => exportRpc(store, request)),
    importProfiles: clientStream((requests, { principal }) =>
      importRpc(requests, {
        store,
        nowUnixMs: parts.clock.nowUnixMs,
        settings: parts.settings,
        letIn: ingestion.letIn,
        refuseNamespace: ingestion.refuseNamespace,
        scope: scopeOf(principal),
      }),
    ),
  }
}

/** A round is followed by a rest of so many times its length, so that a watcher takes a fiftieth of a core… */
const restsOfARound = 49
/** …but of no more than this: an estimator learns a profile anew no more often. */
const longestRestMs = 1000

/** A profile that changes again and again is sent once a round, as it is by then: encoding it costs more than a fold. */
async function* watch(
  { store, clock, watchIntervalMs }: Pick<ProfilerParts, 'store' | 'clock' | 'watchIntervalMs'>,
  { cursor, omitFolded, ...request }: WatchProfilesRequest,
  signal: AbortSignal,
): AsyncIterable<Buffer> {
  inspect((seen) => {
    for (const [i, namespace] of request.namespaces.entries()) checkText(namespace, `namespaces[${i}]`, seen)
  })
  const namespaces = request.namespaces.length === 0 ? undefined : new Set(request.namespaces)
  let beganMs: number | undefined
  for await (const change of store.watch(cursor, signal, namespaces)) {
    beganMs ??= clock.monotonicMs()
    yield await encodeChange(
      change.type === 'profile' && omitFolded
        ? { ...change, profile: { ...change.profile, folded: nothingFolded } }
        : change,
    )
    if (change.type !== 'caught-up') continue
    const restMs = Math.min(restsOfARound * (clock.monotonicMs() - beganMs), longestRestMs)
    beganMs = undefined
    if (watchIntervalMs > 0) await pause(clock, Math.max(watchIntervalMs, restMs), signal)
  }
}

/** Shorter where aborted. */
const pause = (clock: Clock, ms: number, signal: AbortSignal): Promise<void> =>
  clock.sleep(ms, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })

/** Memory for a watcher, roughly: its place in the feed, and what it was sent and has not read. */
const watcherBytes = 256 * 1024

/** So many streams at once and no more, of which one tenant has a share. */
function seats(limit: number, share: number, held: HeldBytes) {
  const limitOfTenant = Math.max(1, Math.floor(limit * share))
  const byTenant = new Map<string, number>()
  let used = 0
  return {
    async *taken<T>(source: AsyncIterable<T>, tenant: string | undefined): AsyncIterable<T> {
      const ofTenant = tenant === undefined ? 0 : (byTenant.get(tenant) ?? 0)
      if (ofTenant >= limitOfTenant)
        throw new ForesizeError('overloaded', `${tenant} has ${ofTenant} watchers, its share of max_watchers`)
      if (used >= limit)
        throw new ForesizeError('overloaded', `there are ${limit} watchers, as many as max_watchers allows`)
      const holders = tenant === undefined ? [] : [`tenant ${tenant}` as const]
      held.require(holders, watcherBytes)
      held.add(holders, watcherBytes)
      used += 1
      if (tenant !== undefined) byTenant.set(tenant, ofTenant + 1)
      try {
        yield* source
      } finally {
        used -= 1
        held.add(holders, -watcherBytes)
        if (tenant !== undefined) byTenant.set(tenant, (byTenant.get(tenant) ?? 1) - 1)
      }
    },
  }
}

/** Aborted with either; `AbortSignal.any` would be held by the one that outlives the call. */
function either(call: AbortSignal, service: AbortSignal): AbortSignal {
  const controller = new AbortController()
  const abort = () => controller.abort()
  if (call.aborted || service.aborted) abort()
  call.addEventListener('abort', abort, { once: true })
  service.addEventListener('abort', abort, { once: true, signal: call })
  return controller.signal
}

function unknownProfile({ namespace, kind, task }: ProfileKey): ForesizeError {
  return new ForesizeError(
    'not-found',
    `there is no profile of ${kind} ${JSON.stringify(task)} in ${namespace}`,
  )
}
