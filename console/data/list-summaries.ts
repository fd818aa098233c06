import type { ProfileSummary } from '../contract/gen/foresize/v1/profile_pb.js'
import type { Services } from '../contract/services.ts'

/** Few at first, so that there is something to see at once. */
const firstPage = 100
const laterPages = 1000

/** Every task of a namespace in one line, page by page. */
export async function* listSummaries(
  { profiler }: Services,
  namespace: string,
  signal: AbortSignal,
): AsyncGenerator<readonly ProfileSummary[]> {
  let pageToken = ''
  do {
    const pageSize = pageToken === '' ? firstPage : laterPages
    const page = await profiler.listProfiles({ namespace, pageSize, pageToken }, { signal })
    yield page.profiles
    pageToken = page.nextPageToken
  } while (pageToken !== '')
}
