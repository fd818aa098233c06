import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { Estimate } from '../contract/gen/foresize/v1/estimator_service_pb.js'
import { useSession } from '../contract/session.tsx'

/** What is asked of the estimator here: a size, never on behalf of an execution. */
export interface Query {
  readonly task: { readonly namespace: string; readonly task: string }
  readonly features: Readonly<Record<string, number>>
  readonly labels: Readonly<Record<string, string>>
  readonly requested?: { readonly memoryBytes?: number }
  readonly policy?: { readonly targetCoverage?: number; readonly risk?: number }
}

/** @param revision of the profile: another one is asked about anew. */
export function useEstimate(query: Query | undefined, revision: bigint) {
  const { services, id } = useSession()
  return useQuery({
    queryKey: ['estimate', id, query, String(revision)],
    enabled: query !== undefined,
    refetchInterval: false,
    placeholderData: keepPreviousData,
    async queryFn({ signal }) {
      const { estimate } = await services.estimator.estimate({ query: mutable(query as Query) }, { signal })
      return estimate ?? null
    },
  })
}

/** Many at once, each in its place; undefined where one was refused. */
export function useEstimates(queries: readonly Query[], revision: bigint) {
  const { services, id } = useSession()
  return useQuery({
    queryKey: ['estimates', id, queries, String(revision)],
    enabled: queries.length > 0,
    refetchInterval: false,
    placeholderData: keepPreviousData,
    async queryFn({ signal }): Promise<readonly (Estimate | undefined)[]> {
      const { results } = await services.estimator.estimateBatch(
        { queries: queries.map(mutable) },
        { signal },
      )
      return results.map(({ result }) => (result.case === 'estimate' ? result.value : undefined))
    },
  })
}

const mutable = ({ features, labels, ...query }: Query) => ({
  ...query,
  features: { ...features },
  labels: { ...labels },
})
