import { useSearchParams } from 'wouter'

export interface UrlState {
  readonly get: (name: string) => string | undefined
  readonly entries: () => readonly (readonly [string, string])[]
  /** Undefined or empty takes a name out. `keep` adds to the history, so that Back returns. */
  readonly set: (
    changes: Readonly<Record<string, string | undefined>>,
    options?: { readonly keep: boolean },
  ) => void
}

/** The state of a page, all of it in its address: an address can be sent to someone. */
export function useUrlState(): UrlState {
  const [params, setParams] = useSearchParams()
  return {
    get: (name) => params.get(name) ?? undefined,
    entries: () => [...params],
    set(changes, { keep } = { keep: false }) {
      setParams(
        (before) => {
          const after = new URLSearchParams(before)
          for (const [name, value] of Object.entries(changes)) {
            if (value === undefined || value === '') after.delete(name)
            else after.set(name, value)
          }
          return after
        },
        { replace: !keep },
      )
    },
  }
}

export const defaultNamespace = 'default'

export function useNamespace(): string {
  return useUrlState().get('namespace') ?? defaultNamespace
}

/** An address of a page in a namespace. */
export function addressOf(page: string, params: Readonly<Record<string, string | undefined>>): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== '' && !(name === 'namespace' && value === defaultNamespace)) {
      search.set(name, value)
    }
  }
  const text = search.toString()
  return text === '' ? page : `${page}?${text}`
}
