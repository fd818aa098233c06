import { Link, useLocation } from 'wouter'
import { useSession } from '../contract/session.tsx'
import { addressOf, useNamespace } from '../data/url-state.ts'
import { NamespacePicker } from './namespace-picker.tsx'

const pages = [
  { path: '/', title: 'Tasks' },
  { path: '/now', title: 'Now' },
  { path: '/accuracy', title: 'Accuracy' },
] as const

export function Header() {
  const [location] = useLocation()
  const namespace = useNamespace()
  const { hasToken, setToken } = useSession()
  const isCurrent = (path: string) => location === path || (path === '/' && location === '/task')
  return (
    <header className="top">
      <span className="brand">foresize</span>
      <nav aria-label="Pages">
        {pages.map(({ path, title }) => (
          <Link
            key={path}
            href={addressOf(path, { namespace })}
            aria-current={isCurrent(path) ? 'page' : undefined}
          >
            {title}
          </Link>
        ))}
      </nav>
      <NamespacePicker />
      {hasToken ? (
        <button type="button" onClick={() => setToken(undefined)}>
          Forget token
        </button>
      ) : null}
    </header>
  )
}
