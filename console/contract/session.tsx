import { createContext, type ReactNode, useContext, useMemo, useState } from 'react'
import { connectServices, type Services } from './services.ts'

export interface Session {
  readonly services: Services
  /** Changes with the token: what was read with another one is not shown. */
  readonly id: number
  readonly hasToken: boolean
  /** Kept in the memory of this tab alone. */
  setToken(token: string | undefined): void
}

const SessionContext = createContext<Session | undefined>(undefined)

export function SessionProvider({ children }: { readonly children: ReactNode }) {
  const [{ token, id }, setState] = useState<{ token: string | undefined; id: number }>({
    token: undefined,
    id: 0,
  })
  const session = useMemo(
    (): Session => ({
      services: connectServices(token),
      id,
      hasToken: token !== undefined,
      setToken: (next) => setState((before) => ({ token: next, id: before.id + 1 })),
    }),
    [token, id],
  )
  return <SessionContext value={session}>{children}</SessionContext>
}

export function useSession(): Session {
  const session = useContext(SessionContext)
  if (session === undefined) throw new Error('no session')
  return session
}
