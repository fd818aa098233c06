import { type Profile, profileKeyOf } from '../../../shared/domain/profile.ts'
import type { ProfileQuery } from '../store.ts'

/**
 * A page of profiles. Between the index and the read one may be deleted or found damaged: what comes after it moves up,
 * so that a page that is not full is always the last.
 */
export async function fullPage(
  query: ProfileQuery,
  keysOf: (query: ProfileQuery) => Promise<readonly string[]> | readonly string[],
  read: (keys: readonly string[]) => Promise<readonly Profile[]>,
): Promise<readonly Profile[]> {
  const found: Profile[] = []
  for (let { after } = query; found.length < query.limit; ) {
    const limit = query.limit - found.length
    const keys = await keysOf({ ...query, after, limit })
    found.push(...(await read(keys)))
    const last = profileKeyOf(keys.at(-1) ?? '').task
    // A namespace has one profile of its own, without a name: there is none after it.
    if (keys.length < limit || last === after) break
    after = last
  }
  return found
}
