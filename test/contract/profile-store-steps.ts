import { defaultFoldSettings, foldAll } from '../../services/profiler/domain/fold.ts'
import type {
  ProfileChange,
  ProfileStore,
  SessionCheckpoint,
  SessionPart,
  StoreChange,
  StoredSession,
} from '../../services/profiler/store.ts'
import type { Profile, ProfileKey } from '../../shared/domain/profile.ts'
import { recordOf } from '../support/executions.ts'

/** A backend under the contract, freshly empty. */
export interface StoreSubject {
  open(): Promise<ProfileStore>
  /** Makes the stored bytes of a profile unreadable; undefined where nothing outside the process holds them. */
  readonly damage?: ((key: ProfileKey) => Promise<void>) | undefined
  /** What lies aside. */
  readonly quarantined?: (() => Promise<number>) | undefined
  dispose(): Promise<void>
}

/** A backend that is open, and closed when the test is over. */
export interface OpenSubject extends StoreSubject {
  readonly store: ProfileStore
  reopen(): Promise<ProfileStore>
}

export const now = 1_800_000_000_000
export const taskKey = (task: string, namespace = 'default'): ProfileKey => ({
  namespace,
  kind: 'task',
  task,
})
export const noCheckpoints = new Map<string, SessionCheckpoint>()

export const put = (profile: Profile): ProfileChange => ({ key: profile.key, change: () => profile })
export const remove = (key: ProfileKey): ProfileChange => ({ key, change: () => undefined })
export const commit = (store: ProfileStore, ...changes: ProfileChange[]) =>
  store.commit({ changes, checkpoints: noCheckpoints })

export const fold = (key: ProfileKey, ...executionIds: string[]): ProfileChange => ({
  key,
  change: (before) =>
    foldAll(
      before,
      key,
      executionIds.map((id) => ({ record: recordOf(id) })),
      now,
      defaultFoldSettings,
    ).profile,
})

export const part = (text: string, counts: SessionPart['counts'] = {}): SessionPart => ({
  value: Buffer.from(text),
  counts,
})

export const checkpoint = (given: Partial<SessionCheckpoint> = {}): SessionCheckpoint => ({
  version: 1,
  owner: 'a',
  dueUnixMs: now,
  parts: new Map([['', part('state')]]),
  ...given,
})

export const write = (store: ProfileStore, id: string, given: Partial<SessionCheckpoint> = {}) =>
  store.commit({ changes: [], checkpoints: new Map([[id, checkpoint(given)]]) })

export const textsOf = (stored: StoredSession | undefined) =>
  Object.fromEntries(
    [...(stored?.parts ?? [])].map(([name, { value }]) => [name, Buffer.from(value).toString()]),
  )

export const total = (profile: Profile | undefined) =>
  profile?.outcomes.reduce((sum, { count }) => sum + count, 0)

/** Reads a watch until it has caught up so many times. */
export async function readWatch(store: ProfileStore, cursor: string, caughtUps = 1): Promise<StoreChange[]> {
  const abort = new AbortController()
  const seen: StoreChange[] = []
  for await (const change of store.watch(cursor, abort.signal)) {
    seen.push(change)
    if (change.type === 'caught-up' && --caughtUps === 0) break
  }
  abort.abort()
  return seen
}
export const named = (changes: readonly StoreChange[]) =>
  changes.map((change) =>
    change.type === 'profile'
      ? `${change.profile.key.task}@${change.profile.revision}`
      : change.type === 'deleted'
        ? `-${change.key.task}`
        : change.type,
  )
