import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { Failure, Loading, Stale } from './states.tsx'

export interface AnsweredProps<T> {
  readonly query: UseQueryResult<T>
  /** What is waited for. */
  readonly what: string
  readonly children: (data: T) => ReactNode
}

/** What a query has answered, with a word where that is old; until then, that it loads or why it cannot. */
export function Answered<T>({ query, what, children }: AnsweredProps<T>) {
  if (query.data === undefined) {
    return query.isError ? (
      <Failure error={query.error} onRetry={() => void query.refetch()} />
    ) : (
      <Loading what={what} />
    )
  }
  return (
    <>
      <Stale query={query} />
      {children(query.data)}
    </>
  )
}
