import { type ClientReadableStream, status } from '@grpc/grpc-js'
import { type ProfileKey, profileId, profileKeyOf } from '../../shared/domain/profile.ts'
import { defaultNamespace, type TaskKey } from '../../shared/domain/task.ts'
import { statusOf } from '../../shared/rpc/client.ts'
import type { Clock } from '../../shared/runtime/clock.ts'
import type { HeldBytes } from '../../shared/runtime/held-bytes.ts'
import type { Log } from '../../shared/runtime/log.ts'
import { recentlyUsed } from '../../shared/runtime/recently-used.ts'
import { profileKindEnum } from '../../shared/wire/enums.ts'
import type { ProfileKey as WireProfileKey } from '../../shared/wire/gen/foresize/v1/profile.ts'
import type { RemoteBreaker } from './breaker.ts'
import { type HeldProfile, heldProfiles } from './held-profiles.ts'
import type { ProfileBytes, WatchMessage } from './profile-bytes.ts'
import { taskNames } from './task-names.ts'

/** The two calls to the profiler that a replica makes. */
export interface ProfileSource {
  /** From `cursor`, or everything where it is empty. */
  watch(cursor: string): ClientReadableStream<WatchMessage>
  /** Rejects with grpc-js's ServiceError. */
  get(key: ProfileKey, deadlineMs: number): Promise<ProfileBytes>
}

export interface ReplicaSettings {
  /** Profiles held. */
  readonly maxProfiles: number
  /** Encoded bytes held. */
  readonly maxBytes: number
  /** Names remembered as having no profile, so that they are not asked for again. */
  readonly maxMissing: number
  /** Names of known tasks that an unknown one is compared with. */
  readonly maxNamesCompared: number
  /** Calls of GetProfile at once; beyond, a profile that is not held is answered for as if the profiler were away. */
  readonly maxFetches: number
  /** For GetProfile, asked where a profile is not held. */
  readonly fetchDeadlineMs: number
  /** First and longest wait before following again; the wait doubles, and is drawn from the upper half of it. */
  readonly backoffMinMs: number
  readonly backoffMaxMs: number
}

export interface ReplicaParts {
  readonly source: ProfileSource
  /** Around GetProfile. */
  readonly breaker: RemoteBreaker
  readonly clock: Clock
  /** What is asked for and not there yet counts. */
  readonly held: HeldBytes
  /** In [0, 1). */
  readonly random: () => number
  readonly log: Log
}

/** `unknown`: there is no such profile. `not-held`: there may be one; ask `fetch`. */
export type Lookup = HeldProfile | 'unknown' | 'not-held'

/** Read-only view of the profiles, fed by WatchProfiles. Goes on answering while the profiler is away. */
export interface Replica {
  /** From memory. `id`: of a `profileId`. */
  lookup(id: string): Lookup
  /** Asks the profiler where memory cannot tell. `not-held` where it did not answer. */
  fetch(id: string): Promise<Lookup>
  /** Names of tasks held, of the same namespace, that an unknown one may be a typing error of. */
  nearestTasks(task: TaskKey): readonly string[]
  /** Since the view was last known to be whole; since the start where it never was. */
  stalenessMs(): number
  readonly profiles: number
  readonly bytes: number
  close(): Promise<void>
}

interface Fetch {
  readonly answer: Promise<Lookup>
  /** The stream spoke of the profile meanwhile: it is newer than the answer. */
  overtaken: boolean
}

/** An unspecified kind is a task; one that is newer than this program is not followed. */
function idOf({ namespace, kind, task }: WireProfileKey): string | undefined {
  const known = profileKindEnum.toWord(kind || 1)
  return known && profileId({ namespace: namespace || defaultNamespace, kind: known, task })
}

/** Memory for a profile that is on its way, roughly. */
const fetchBytes = 64 * 1024

export function startReplica(settings: ReplicaSettings, parts: ReplicaParts): Replica {
  const { source, breaker, clock, random, log, held: memory } = parts
  const names = taskNames(settings.maxNamesCompared, clock.monotonicMs)
  const held = heldProfiles(settings, names)
  /** Asked for and not found, oldest first: spares a call each time an unknown task is asked. */
  let missing = recentlyUsed<true>(settings.maxMissing)
  const fetches = new Map<string, Fetch>()
  const stopping = new AbortController()
  let cursor = ''
  let caughtUp = false
  let everCaughtUp = false
  /** Not followed yet, or not any more. */
  let isAway = true
  let freshAtMs = clock.monotonicMs()
  let resyncing = true

  function lookup(id: string): Lookup {
    const found = held.get(id)
    if (found !== undefined) return found
    return missing.get(id) || (everCaughtUp && held.complete && !resyncing) ? 'unknown' : 'not-held'
  }

  function fetch(id: string): Promise<Lookup> {
    const known = lookup(id)
    if (known !== 'not-held') return Promise.resolve(known)
    const underWay = fetches.get(id)
    if (underWay !== undefined) return underWay.answer
    if (fetches.size >= settings.maxFetches || !reserve()) return Promise.resolve('not-held')
    const entry: Fetch = {
      overtaken: false,
      answer: ask(id, () => entry.overtaken).finally(() => {
        fetches.delete(id)
        memory.add([], -fetchBytes)
      }),
    }
    fetches.set(id, entry)
    return entry.answer
  }

  function reserve(): boolean {
    try {
      memory.require([], fetchBytes)
    } catch {
      return false
    }
    memory.add([], fetchBytes)
    return true
  }

  async function ask(id: string, overtaken: () => boolean): Promise<Lookup> {
    try {
      const profile = await breaker.run(() => source.get(profileKeyOf(id), settings.fetchDeadlineMs))
      return overtaken() ? lookup(id) : held.admit(id, profile)
    } catch (error) {
      if (statusOf(error) !== status.NOT_FOUND || overtaken()) return lookup(id)
      missing.set(id, true)
      return 'unknown'
    }
  }

  function apply({ cursor: next, change }: WatchMessage): void {
    switch (change.kind) {
      case 'profile': {
        const id = idOf(change.profile.key)
        if (id === undefined) break
        heardOf(id)
        held.follow(id, change.profile)
        break
      }
      case 'deleted': {
        const id = idOf(change.key)
        if (id === undefined) break
        heardOf(id)
        held.delete(id)
        break
      }
      case 'resync':
        beginResync()
        break
      case 'caught-up':
        if (resyncing) held.forgetOlder()
        resyncing = false
        caughtUp = true
        everCaughtUp = true
        break
      case 'unknown':
        break
    }
    if (next !== '') cursor = next
    if (caughtUp) freshAtMs = clock.monotonicMs()
  }

  function heardOf(id: string): void {
    missing.delete(id)
    const underWay = fetches.get(id)
    if (underWay !== undefined) underWay.overtaken = true
  }

  function beginResync(): void {
    resyncing = true
    caughtUp = false
    missing = recentlyUsed(settings.maxMissing)
    held.beginGeneration()
  }

  /** Follows until the stream ends; returns whether anything arrived. */
  async function follow(): Promise<boolean> {
    let hasArrived = false
    caughtUp = false
    if (cursor === '') beginResync()
    const stream = source.watch(cursor)
    const cancel = () => stream.cancel()
    // A cancelled stream emits an error after the loop has left it.
    stream.on('error', () => {})
    stopping.signal.addEventListener('abort', cancel, { once: true })
    try {
      for await (const message of stream) {
        if (!hasArrived) {
          hasArrived = true
          breaker.reached()
          if (isAway) log.info({ resumed: cursor !== '' }, 'following the profiler')
          isAway = false
        }
        apply(message)
      }
    } catch (error) {
      // The profiler renews connections now and then: it is lost only where it does not answer again at once.
      if (!stopping.signal.aborted && !hasArrived && !isAway) {
        isAway = true
        log.warn({ err: error }, 'lost the profiler, answering from memory')
      } else log.debug({ err: error, hasArrived }, 'the stream from the profiler ended')
      if (statusOf(error) === status.OUT_OF_RANGE) cursor = ''
    } finally {
      stopping.signal.removeEventListener('abort', cancel)
      stream.cancel()
    }
    return hasArrived
  }

  async function run(): Promise<void> {
    let backoffMs = settings.backoffMinMs
    while (!stopping.signal.aborted) {
      if (await follow()) backoffMs = settings.backoffMinMs
      try {
        await clock.sleep(backoffMs * (0.5 + random() / 2), stopping.signal)
      } catch {
        return
      }
      backoffMs = Math.min(backoffMs * 2, settings.backoffMaxMs)
    }
  }

  const running = run()

  return {
    lookup,
    fetch,
    nearestTasks: names.nearest,
    stalenessMs: () => clock.monotonicMs() - freshAtMs,
    get profiles() {
      return held.size
    },
    get bytes() {
      return held.bytes
    },
    async close() {
      stopping.abort()
      await running
    },
  }
}
