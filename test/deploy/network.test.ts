import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { deployFolder, renderOverlay, renderWith } from '../support/manifests.ts'
import { waysOf } from '../support/network-policies.ts'
import { workloadsOf } from '../support/workloads.ts'

/** Redis is the user's own: its label is the one that the page names. */
const redis = { name: 'foresize-redis', labels: { 'app.kubernetes.io/name': 'foresize-redis' } }

/** Components that are added to an overlay, beside those that make it one. */
const added = readdirSync(join(deployFolder, 'kubernetes', 'components')).filter(
  (name) => !['lmdb', 'redis', 'scale', 'cert-manager'].includes(name),
)

test.each(
  ['single-node', 'production'].flatMap((overlay) => [[overlay, []] as const, [overlay, added] as const]),
)(
  'in %s with %j what one pod may say another may hear, and the other way round',
  async (overlay, components) => {
    const manifests = await (components.length === 0
      ? renderOverlay(`kubernetes/overlays/${overlay}`)
      : renderWith(overlay, ...components))
    const { spoken, heard } = waysOf(manifests, [...workloadsOf(manifests), redis])
    expect(spoken).not.toEqual([])
    expect(spoken).toEqual(expect.arrayContaining([...heard]))
    expect(heard).toEqual(expect.arrayContaining([...spoken]))
  },
)

test('a way that only one side names is found', async () => {
  const manifests = await renderOverlay('kubernetes/overlays/production')
  const without = manifests.filter(
    ({ kind, metadata }) => kind !== 'NetworkPolicy' || metadata.name !== 'foresize-redis',
  )
  const { spoken, heard } = waysOf(without, [...workloadsOf(manifests), redis])
  const lost = { from: 'foresize-profiler', to: 'foresize-redis', port: 6379 }
  expect(spoken).toContainEqual(lost)
  expect(heard).not.toContainEqual(lost)
})
