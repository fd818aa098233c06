import { expect, test } from 'vitest'
import { type Manifest, readManifests, renderOverlay, violationsOf } from '../support/manifests.ts'

test.each(['kubernetes/overlays/single-node', 'kubernetes/overlays/production'])(
  'what kustomize renders of %s is valid, with no field that there is not',
  async (overlay) => {
    const manifests = await renderOverlay(overlay)
    expect(manifests.length).toBeGreaterThan(10)
    expect(await violationsOf(manifests)).toEqual([])
  },
)

test.each(['kubernetes/examples/job.yaml', 'kubernetes/examples/scheduler-sidecar.yaml'])(
  'the example %s is valid',
  async (file) => {
    expect(await violationsOf(await readManifests(file))).toEqual([])
  },
)

test('a misspelt field, a wrong type, a missing field and a bad value are each found', async () => {
  const [good] = (await renderOverlay('kubernetes/overlays/single-node')).filter(
    ({ kind }) => kind === 'StatefulSet',
  )
  const breakages: readonly ((spec: Record<string, unknown>) => void)[] = [
    (spec) => {
      spec['replica'] = 1
    },
    (spec) => {
      spec['replicas'] = 'one'
    },
    (spec) => {
      delete spec['selector']
    },
    (spec) => {
      const { containers } = (spec['template'] as { spec: { containers: Record<string, unknown>[] } }).spec
      if (containers[0] !== undefined) containers[0]['readinesProbe'] = {}
    },
  ]
  for (const breakIt of breakages) {
    const broken = structuredClone(good) as Manifest & { spec: Record<string, unknown> }
    breakIt(broken.spec)
    expect(await violationsOf([broken])).not.toEqual([])
  }
})
