import { mayUse, type Principal } from '../../shared/rpc/principal.ts'
import { turn } from '../../shared/runtime/turns.ts'
import { profileKindEnum } from '../../shared/wire/enums.ts'
import { checkText, readNamespace, readWithin, readWord } from '../../shared/wire/fields.ts'
import type { ProfileSummary } from '../../shared/wire/gen/foresize/v1/profile.ts'
import type {
  ListNamespacesRequest,
  ListNamespacesResponse,
  ListProfilesRequest,
  ListProfilesResponse,
  NamespaceSummary,
} from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { type Inspection, inspect } from '../../shared/wire/inspection.ts'
import { utf8Text } from '../../shared/wire/utf8.ts'
import type { ProfileQuery, ProfileStore } from './store.ts'
import { compareText } from './stores/text-order.ts'
import { fromSummary } from './summary.ts'

export async function listProfiles(
  store: ProfileStore,
  request: ListProfilesRequest,
): Promise<ListProfilesResponse> {
  const query = inspect(
    (seen): ProfileQuery => ({
      namespace: readNamespace(request.namespace, 'namespace', seen),
      kind: request.kind === 0 ? 'task' : readWord(profileKindEnum, request.kind, 'task', 'kind', seen),
      prefix: checkText(request.taskPrefix, 'task_prefix', seen),
      ...readPage(request, seen),
    }),
  )
  const profiles = await store.list({ ...query, limit: query.limit + 1 })
  const page = profiles.slice(0, query.limit)
  const summaries: ProfileSummary[] = []
  for (const profile of page) {
    if (turn.isOver()) await turn.rest()
    summaries.push(fromSummary(profile))
  }
  const last = profiles.length > page.length ? page.at(-1) : undefined
  return { profiles: summaries, nextPageToken: tokenAfter(last?.key.task) }
}

export async function listNamespaces(
  store: ProfileStore,
  request: ListNamespacesRequest,
  principal: Principal,
): Promise<ListNamespacesResponse> {
  const { after, limit } = inspect((seen) => readPage(request, seen))
  const all = await store.namespaces()
  const left = all.filter((name) => mayUse(principal, name) && compareText(name, after) > 0)
  const page = left.slice(0, limit)
  const namespaces: NamespaceSummary[] = []
  for (const namespace of page) {
    if (turn.isOver()) await turn.rest()
    namespaces.push({ namespace, tasks: await store.count(namespace, 'task') })
  }
  return { namespaces, nextPageToken: tokenAfter(left.length > page.length ? page.at(-1) : undefined) }
}

/** `after`: the last name of the page before. */
function readPage(
  { pageToken, pageSize }: { readonly pageToken: string; readonly pageSize: number },
  seen: Inspection,
): Pick<ProfileQuery, 'after' | 'limit'> {
  return {
    after: checkText(utf8Text(Buffer.from(pageToken, 'base64url')), 'page_token', seen),
    limit: readWithin(pageSize || 100, { min: 1, max: 1000 }, 'page_size', seen),
  }
}

const tokenAfter = (last: string | undefined): string =>
  last === undefined ? '' : Buffer.from(last).toString('base64url')
