import { useQuery } from '@tanstack/react-query'
import { type Profile, ProfileKind, type ProfileSummary } from '../contract/gen/foresize/v1/profile_pb.js'
import { isNotFound } from '../contract/services.ts'
import { useSession } from '../contract/session.tsx'

export interface KnownTask {
  readonly profile: Profile
  readonly summary: ProfileSummary
}

/** One profile whole, and its line; null where there is none. */
export function useTask(namespace: string, task: string) {
  const { services, id } = useSession()
  return useQuery<KnownTask | null>({
    queryKey: ['task', id, namespace, task],
    async queryFn({ signal }) {
      const key = { namespace, kind: ProfileKind.TASK, task }
      try {
        const [{ profile }, { profiles }] = await Promise.all([
          services.profiler.getProfile({ key }, { signal }),
          // Of all names that begin so, the name itself comes first.
          services.profiler.listProfiles({ namespace, taskPrefix: task, pageSize: 1 }, { signal }),
        ])
        const [summary] = profiles
        return profile === undefined || summary === undefined ? null : { profile, summary }
      } catch (error) {
        if (isNotFound(error)) return null
        throw error
      }
    },
  })
}
