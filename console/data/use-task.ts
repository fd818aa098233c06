import { useQuery } from '@tanstack/react-query'
import { ProfileKind } from '../contract/gen/foresize/v1/profile_pb.js'
import { isNotFound } from '../contract/services.ts'
import { useSession } from '../contract/session.tsx'

/** One profile whole; null where there is none. */
export function useTask(namespace: string, task: string) {
  const { services, id } = useSession()
  return useQuery({
    queryKey: ['task', id, namespace, task],
    async queryFn({ signal }) {
      try {
        const key = { namespace, kind: ProfileKind.TASK, task }
        return (await services.profiler.getProfile({ key }, { signal })).profile ?? null
      } catch (error) {
        if (isNotFound(error)) return null
        throw error
      }
    },
  })
}
