import { ForesizeError } from '../../../shared/domain/errors.ts'
import type { Profile } from '../../../shared/domain/profile.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import { turn } from '../../../shared/runtime/turns.ts'
import type { ProfileChange } from '../store.ts'

/** A profile as a store has it. */
interface Stored {
  readonly profile: Profile | undefined
}

export type Changed<S extends Stored> =
  | { readonly before: S; readonly after: Profile | undefined }
  /** Why it cannot be changed. */
  | { readonly refused: unknown }

/**
 * What the changes of one profile come to, in their order. Where they throw with what is stored, but not with nothing,
 * what is stored is no profile: it is put aside, and they are made anew.
 */
export async function applyChanges<S extends Stored>(
  changes: readonly ProfileChange[],
  load: () => S | Promise<S>,
  putAside: (stored: S, error: unknown) => Promise<S>,
): Promise<Changed<S>> {
  async function attempt(before: S): Promise<Changed<S>> {
    let after = before.profile
    try {
      for (const { change } of changes) {
        if (turn.isOver()) await turn.rest()
        after = change(after)
      }
      return { before, after }
    } catch (refused) {
      return { refused }
    }
  }
  let before: S
  try {
    const loaded = load()
    before = loaded instanceof Promise ? await loaded : loaded
  } catch (error) {
    if (isNewer(error)) return { refused: error }
    throw error
  }
  const done = await attempt(before)
  if (
    'after' in done ||
    before.profile === undefined ||
    'refused' in (await attempt({ ...before, profile: undefined }))
  )
    return done
  return attempt(await putAside(before, done.refused))
}

/** A record of a newer program stops nobody who reads many: it is left out. */
export function readableOnly(log: Log): <T>(read: Promise<T>) => Promise<T | undefined> {
  return (read) =>
    read.catch((error: unknown) => {
      if (!isNewer(error)) throw error
      log.warn({ err: error }, 'a stored profile is left out')
      return undefined
    })
}

export const isNewer = (error: unknown): boolean =>
  error instanceof ForesizeError && error.failure === 'unsupported'
