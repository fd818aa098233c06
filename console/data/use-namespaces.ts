import { useQuery } from '@tanstack/react-query'
import { useSession } from '../contract/session.tsx'

/** Namespaces that the token may read, with the number of their tasks. */
export function useNamespaces() {
  const { services, id } = useSession()
  return useQuery({
    queryKey: ['namespaces', id],
    async queryFn({ signal }) {
      const found: { readonly name: string; readonly tasks: number }[] = []
      let pageToken = ''
      do {
        const page = await services.profiler.listNamespaces({ pageSize: 1000, pageToken }, { signal })
        found.push(
          ...page.namespaces.map(({ namespace, tasks }) => ({ name: namespace, tasks: Number(tasks) })),
        )
        pageToken = page.nextPageToken
      } while (pageToken !== '')
      return found
    },
  })
}
