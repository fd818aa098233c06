import { QueryClient } from '@tanstack/react-query'
import { isWorthRetrying } from '../contract/services.ts'

/** How often what is shown is asked for again, milliseconds, while it can be seen. */
const refreshMs = 5000
const slowestRefreshMs = 300_000

/** What took long to answer is asked for less often. */
const costFactor = 20

interface Refreshed {
  readonly state: { readonly errorUpdateCount: number; readonly error: unknown }
}

/** @param tookMs of the latest answer. */
export function refreshInterval({ state }: Refreshed, tookMs = 0): number {
  const base = Math.max(refreshMs, tookMs * costFactor)
  return Math.min(
    slowestRefreshMs,
    state.error === null ? base : base * 2 ** Math.min(state.errorUpdateCount, 5),
  )
}

export function createQueries(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 2000,
        retry: (failures, error) => failures < 2 && isWorthRetrying(error),
        refetchInterval: (query) => refreshInterval(query),
      },
    },
  })
}
