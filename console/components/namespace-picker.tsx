import { useId } from 'react'
import { useLocation } from 'wouter'
import { visible } from '../../shared/domain/text.ts'
import { addressOf, useNamespace } from '../data/url-state.ts'
import { useNamespaces } from '../data/use-namespaces.ts'
import { formatCount } from '../domain/notation.ts'

/** Of the namespaces that may be read; the one in the address is among them, whether it may or not. */
export function NamespacePicker() {
  const current = useNamespace()
  const [location, navigate] = useLocation()
  const { data = [] } = useNamespaces()
  const id = useId()
  const isListed = data.some(({ name }) => name === current)
  // Another namespace has other tasks.
  const page = location === '/task' ? '/' : location
  return (
    <span className="picker namespace">
      <label htmlFor={id}>Namespace</label>
      <select
        id={id}
        value={current}
        onChange={({ target }) => navigate(addressOf(page, { namespace: target.value }))}
      >
        {isListed ? null : <option value={current}>{visible(current)}</option>}
        {data.map(({ name, tasks }) => (
          <option key={name} value={name}>
            {visible(name)} ({formatCount(tasks)})
          </option>
        ))}
      </select>
    </span>
  )
}
