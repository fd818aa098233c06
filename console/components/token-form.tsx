import { type FormEvent, useId } from 'react'
import { useSession } from '../contract/session.tsx'

/** The services ask for a token. It is held by this tab and gone with it. */
export function TokenForm() {
  const { hasToken, setToken } = useSession()
  const id = useId()
  function onSubmit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const token = String(new FormData(event.currentTarget).get('token') ?? '').trim()
    if (token !== '') setToken(token)
  }
  return (
    <form className="state" onSubmit={onSubmit}>
      <h2>A token is needed</h2>
      {hasToken ? (
        <p role="alert">The services did not accept that one: it is unknown or has expired.</p>
      ) : null}
      <label htmlFor={id}>Token, one with the role to read profiles</label>
      <input id={id} name="token" type="password" autoComplete="off" spellCheck={false} required />
      <button type="submit">Use it</button>
      <p className="note">It is kept in the memory of this tab alone, and sent to no one but this gateway.</p>
    </form>
  )
}
