import { describe, expect, test } from 'vitest'
import { namespacesLetIn } from '../../../services/profiler/namespaces-let-in.ts'

const settings = { maxNamespaces: 2, maxHeldShare: 1 }
const tooMany = 'as many as max_namespaces allows'

/** What several profilers share, in which others have let in all but so many. */
function sharedStore(room: number) {
  const claims = new Set<string>()
  return {
    namespaces: async (): Promise<readonly string[]> => [],
    claimNamespace: async (namespace: string) => {
      if (claims.size < room) claims.add(namespace)
      return claims.has(namespace)
    },
  }
}

describe('a namespace for which the store had no room', () => {
  test('is refused, and one that it let in is not', async () => {
    const namespaces = namespacesLetIn(sharedStore(1), settings)
    await namespaces.letIn(['first', 'second'], 'all')
    expect(namespaces.refusalOf('first', 'all')).toBeUndefined()
    expect(namespaces.refusalOf('second', 'all')).toContain(tooMany)
  })

  test('is refused by whoever asked before a tick and looks after it', async () => {
    const namespaces = namespacesLetIn(sharedStore(0), settings)
    await namespaces.letIn(['denied'], 'all')
    const ticking = namespaces.refresh()
    expect(namespaces.refusalOf('denied', 'all')).toContain(tooMany)
    await ticking
    expect(namespaces.refusalOf('denied', 'all')).toContain(tooMany)
  })

  test('is let in once there is room', async () => {
    const store = sharedStore(0)
    const namespaces = namespacesLetIn(store, settings)
    await namespaces.letIn(['denied'], 'all')
    await namespaces.refresh()
    store.claimNamespace = async () => true
    await namespaces.letIn(['denied'], 'all')
    expect(namespaces.refusalOf('denied', 'all')).toBeUndefined()
  })
})
