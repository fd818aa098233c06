import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { Estimate } from '../contract/gen/foresize/v1/estimator_service_pb.js'
import { useSession } from '../contract/session.tsx'
import type { Query } from '../domain/query.ts'

/** An answer is asked for again when the profile has changed. */
const untilChanged = { refetchInterval: false, placeholderData: keepPreviousData } as const

/** @param revision of the profile. */
export function useEstimate(query: Query, revision: bigint) {
  const { services, id } = useSession()
  return useQuery({
    queryKey: ['estimate', id, query, String(revision)],
    ...untilChanged,
    queryFn: async ({ signal }) =>
      (await services.estimator.estimate({ query: mutable(query) }, { signal })).estimate ?? null,
  })
}

/** Many at once, each in its place; undefined where one was refused. */
export function useEstimates(queries: readonly Query[], revision: bigint) {
  const { services, id } = useSession()
  return useQuery({
    queryKey: ['estimates', id, queries, String(revision)],
    enabled: queries.length > 0,
    ...untilChanged,
    async queryFn({ signal }): Promise<readonly (Estimate | undefined)[]> {
      const { results } = await services.estimator.estimateBatch(
        { queries: queries.map(mutable) },
        { signal },
      )
      return results.map(({ result }) => (result.case === 'estimate' ? result.value : undefined))
    },
  })
}

/** How sure the answer is, and how sure other amounts were, in each dimension. */
export function useCurves(query: Query, revision: bigint) {
  const { services, id } = useSession()
  return useQuery({
    queryKey: ['curves', id, query, String(revision)],
    ...untilChanged,
    queryFn: async ({ signal }) =>
      (await services.estimator.confidence({ query: mutable(query), withCurve: true }, { signal }))
        .dimensions,
  })
}

const mutable = ({ features, labels, ...query }: Query) => ({
  ...query,
  features: { ...features },
  labels: { ...labels },
})
