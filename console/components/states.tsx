import type { ReactNode } from 'react'
import { explain, isUnauthenticated } from '../contract/services.ts'
import { TokenForm } from './token-form.tsx'

export function Loading({ what }: { readonly what: string }) {
  return (
    <p className="state" role="status">
      Loading {what}…
    </p>
  )
}

/** Nothing is there; the children say what to do. */
export function Empty({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className="state">
      <h2>{title}</h2>
      {children}
    </div>
  )
}

export function Failure({ error, onRetry }: { readonly error: unknown; readonly onRetry: () => void }) {
  if (isUnauthenticated(error)) return <TokenForm />
  const { what, toDo } = explain(error)
  return (
    <div className="state failure" role="alert">
      <h2>It could not be read</h2>
      <p>{what}</p>
      <p>{toDo}</p>
      <button type="button" onClick={onRetry}>
        Try again
      </button>
    </div>
  )
}

interface QueryState {
  readonly isError: boolean
  readonly error: unknown
  readonly dataUpdatedAt: number
}

/** What is shown is from earlier, since the latest reading failed. */
export function Stale({ query: { isError, error, dataUpdatedAt } }: { readonly query: QueryState }) {
  if (!isError || dataUpdatedAt === 0) return null
  const { what, toDo } = explain(error)
  return (
    <p className="banner" role="status">
      Shown as it was at {new Date(dataUpdatedAt).toLocaleTimeString()}: {what} {toDo}
    </p>
  )
}
