import type { Profile, ProfileKey, ProfileKind } from '../../shared/domain/profile.ts'

/** What "stored" means. `memory`: lost with the process. `disk`: synced. `remote`: a server's persistence. */
export type Durability = 'memory' | 'disk' | 'remote'

/** `change` is pure: an optimistic backend may run it again. What it returns is stored; undefined deletes. */
export interface ProfileChange {
  readonly key: ProfileKey
  readonly change: (before: Profile | undefined) => Profile | undefined
}

/** A piece of a session that is written by itself. Made and read by checkpoint.ts alone. */
export interface SessionPart {
  readonly value: Uint8Array
  /** What it counts as in quotas, by the name of the count. Whole numbers. */
  readonly counts: Counts
}

export interface SessionVersion {
  /** Raised by one with each write. */
  readonly version: number
  /** Who wrote that version. */
  readonly owner: string
  /** When somebody has to look at it again: a lease or the session itself runs out. Unix milliseconds. */
  readonly dueUnixMs: number
}

/** What a session needs to go on after a crash, on any replica. */
export interface StoredSession extends SessionVersion {
  readonly parts: ReadonlyMap<string, SessionPart>
}

/**
 * One write of a session: the parts that changed; undefined removes one.
 * Law: it is taken where the version before its own is stored, so that whoever takes a session over shuts everybody else
 * out, and so is a repeat of it. What was written since it was read is never undone.
 */
export interface SessionCheckpoint extends SessionVersion {
  readonly parts: ReadonlyMap<string, SessionPart | undefined>
}

export type Counts = Readonly<Record<string, number>>

/** Some changes of a commit cannot be made, so that none was: by the id of their profile, each with the reason. */
export class RefusedChanges extends Error {
  readonly reasons: ReadonlyMap<string, unknown>

  constructor(reasons: ReadonlyMap<string, unknown>) {
    super(`${reasons.size} profiles cannot be changed`)
    this.name = 'RefusedChanges'
    this.reasons = reasons
  }
}

export interface Commit {
  readonly changes: readonly ProfileChange[]
  /** By session id. */
  readonly checkpoints: ReadonlyMap<string, SessionCheckpoint>
}

export interface CommitResult {
  /** Sessions whose checkpoint was refused: another has written them since. */
  readonly fenced: readonly string[]
}

export interface ProfileQuery {
  readonly namespace: string
  readonly kind: ProfileKind
  /** Of the task. */
  readonly prefix: string
  /** Tasks above this one. */
  readonly after: string
  readonly limit: number
}

/** A profile as it now is, or gone; `resync`: forget all, everything follows; `caught-up`: nothing left for now. */
export type StoreChange =
  | { readonly type: 'profile'; readonly profile: Profile; readonly cursor: string }
  | { readonly type: 'deleted'; readonly key: ProfileKey; readonly cursor: string }
  | { readonly type: 'caught-up'; readonly cursor: string }
  | { readonly type: 'resync'; readonly cursor: string }

export interface StoreStatistics {
  /** Records that could not be read, or that no execution could be folded into, and were put aside, since the start. */
  readonly quarantined: number
  /** Whether what is acknowledged outlives a crash of whoever keeps it, as it was last seen. */
  readonly isPersistent: boolean
}

/**
 * What the profiler needs of storage. Law: test/contract/profile-store.ts.
 * Errors: ForesizeError `unavailable` where the medium fails, `unsupported` where a record was written by a newer program.
 */
export interface ProfileStore {
  readonly durability: Durability
  /** Throws: ForesizeError `unavailable`, saying why, where it cannot keep now what it promises. */
  check(): Promise<void>
  get(key: ProfileKey): Promise<Profile | undefined>
  /**
   * Resolves when durable. Each change is atomic. A checkpoint never becomes durable before the changes of its commit.
   * A profile of a newer program, or a change that throws, refuses the commit with RefusedChanges before anything is
   * written; a stored profile with which alone it throws is put aside. After any other rejection each change may have
   * been made or not: `change` must bear being run again.
   */
  commit(commit: Commit): Promise<CommitResult>
  /** In order of the task's UTF-8 bytes. One of a newer program is left out. */
  list(query: ProfileQuery): Promise<readonly Profile[]>
  /** In order of their UTF-8 bytes. */
  namespaces(): Promise<readonly string[]>
  /**
   * Counts a namespace as one that there is, before it has a profile; of one without a profile it is forgotten after a while.
   * Resolves to false where there are so many already, whichever process has let them in.
   */
  claimNamespace(namespace: string, most: number): Promise<boolean>
  count(namespace: string, kind: ProfileKind): Promise<number>
  /** Of all namespaces and kinds. */
  countProfiles(): Promise<number>
  getSession(sessionId: string): Promise<StoredSession | undefined>
  /** Forgets a session, if it still is at that version of that owner. */
  deleteSession(sessionId: string, version: SessionVersion): Promise<void>
  /** Sessions with `dueUnixMs` at or before, the longest due first. */
  dueSessions(nowUnixMs: number, limit: number): Promise<readonly string[]>
  countSessions(): Promise<number>
  /** The counts of all sessions there are, added up by name. */
  sessionCounts(): Promise<ReadonlyMap<string, number>>
  /**
   * Of these namespaces, or of all. Without a cursor: every profile, `caught-up`, then changes as they come; a profile that changes often may come as
   * the last of its states, and one of a newer program does not come. Ends when aborted. A cursor that is too old gives `resync` and starts anew.
   */
  watch(cursor: string, signal: AbortSignal, namespaces?: ReadonlySet<string>): AsyncIterable<StoreChange>
  /** Deletes profiles that were last seen before. Resolves to their number. */
  sweep(lastSeenBeforeUnixMs: number): Promise<number>
  statistics(): StoreStatistics
  close(): Promise<void>
}
