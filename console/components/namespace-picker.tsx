import { type FormEvent, useId } from 'react'
import { useLocation } from 'wouter'
import { addressOf, useNamespace } from '../data/url-state.ts'

/** By its name: which there are is for a token's owner to know. */
export function NamespacePicker() {
  const namespace = useNamespace()
  const [location, navigate] = useLocation()
  const id = useId()
  function onSubmit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const chosen = String(new FormData(event.currentTarget).get('namespace') ?? '').trim()
    const page = location === '/task' ? '/tasks' : location
    navigate(addressOf(page, { namespace: chosen }))
  }
  return (
    <form className="namespace" onSubmit={onSubmit}>
      <label htmlFor={id}>Namespace</label>
      <input
        key={namespace}
        id={id}
        name="namespace"
        defaultValue={namespace}
        autoComplete="off"
        spellCheck={false}
      />
    </form>
  )
}
