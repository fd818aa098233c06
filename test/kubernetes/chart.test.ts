import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { version } from '../../shared/runtime/version.ts'
import { releaseOf } from '../release/released.ts'
import { builtChart, type Chart, type Values } from '../support/chart.ts'
import { type Manifest, parseManifests, renderIn, renderOverlay, renderWith } from '../support/manifests.ts'
import { workloadsOf } from '../support/workloads.ts'

let chart: Chart

beforeAll(async () => {
  chart = await builtChart()
})

afterAll(() => chart?.remove())

const all = {
  store: 'redis',
  'monitoring.enabled': true,
  'gateway.enabled': true,
  'admission.enabled': true,
  'agent.enabled': true,
}

/** Of variables the order is nothing but for those that name others, and of those the API server keeps what is there. */
function comparable(manifests: readonly Manifest[]): Readonly<Record<string, unknown>> {
  const own = structuredClone(manifests).filter(({ kind }) => kind !== 'Namespace')
  for (const { pod } of workloadsOf(own)) {
    for (const { env = [] } of pod.containers)
      (env as { name: string }[]).sort((a, b) => (a.name < b.name ? -1 : 1))
  }
  return Object.fromEntries(
    own.map((each) => [`${each.apiVersion} ${each.kind} ${each.metadata.name}`, each]),
  )
}

const withoutCertManager = (manifests: readonly Manifest[]) =>
  manifests.filter(({ apiVersion }) => !apiVersion.startsWith('cert-manager.io/'))

interface Case {
  readonly name: string
  readonly values: Values
  readonly expected: () => Promise<readonly Manifest[]>
  readonly namespace?: string
}

const cases: readonly Case[] = [
  {
    name: 'nothing set: the overlay single-node',
    values: {},
    expected: () => renderOverlay('kubernetes/overlays/single-node'),
  },
  {
    name: 'the store redis, watched: the overlay production',
    values: { store: 'redis', 'monitoring.enabled': true },
    expected: () => renderOverlay('kubernetes/overlays/production'),
  },
  {
    name: 'all of it: production with the gateway and the webhook, and the agent',
    values: all,
    expected: async () => [
      ...(await renderWith('production', 'gateway', 'admission')),
      ...(await renderOverlay('kubernetes/agent')),
    ],
  },
  {
    name: 'no cert-manager: the webhook signs its certificate',
    values: { 'tls.certManager': false, 'admission.enabled': true },
    expected: async () =>
      withoutCertManager(await renderWith('single-node', 'admission', 'admission-self-signed')),
  },
  {
    name: 'another namespace, which overlays name as well',
    values: { store: 'redis', 'monitoring.enabled': true, 'admission.enabled': true },
    expected: () => renderIn('other', 'production', 'admission'),
    namespace: 'other',
  },
]

describe('the chart is what kustomize makes, object by object', () => {
  test.each(cases)('$name', async ({ values, expected, namespace }) => {
    const rendered = comparable(await chart.render(values, namespace))
    const wanted = comparable(await expected())
    expect(Object.keys(rendered).toSorted()).toEqual(Object.keys(wanted).toSorted())
    expect(rendered).toEqual(wanted)
  })

  test.each(cases)('helm lint finds nothing to say of $name', async ({ values }) => {
    const said = await chart.helm(['lint', '--strict', '--kube-version', '1.34.0', chart.folder], values)
    expect(said).toContain('0 chart(s) failed')
    expect(said).not.toMatch(/WARNING|ERROR/)
  })
})

describe('a value reaches what it is for', () => {
  const podOf = (manifests: readonly Manifest[], name: string) =>
    workloadsOf(manifests).find((each) => each.name === name)?.pod

  test('image, by tag or digest, its pull policy and secrets, of every Pod', async () => {
    const image = { 'image.repository': 'registry.example/foresize', 'image.pullPolicy': 'Always' }
    const secrets = [{ name: 'registry' }]
    const byTag = await chart.render({ ...all, ...image, 'image.tag': '1', imagePullSecrets: secrets })
    const byDigest = await chart.render({ ...all, ...image, 'image.digest': 'sha256:00' })
    expect(workloadsOf(byTag)).toHaveLength(5)
    for (const { pod } of workloadsOf(byTag)) {
      expect(pod['imagePullSecrets']).toEqual(secrets)
      expect(pod.containers[0]).toMatchObject({
        image: 'registry.example/foresize:1',
        imagePullPolicy: 'Always',
      })
    }
    for (const { pod } of workloadsOf(byDigest))
      expect(pod.containers[0]?.image).toBe('registry.example/foresize@sha256:00')
  })

  test.each(['profiler', 'estimator', 'gateway', 'admission', 'agent'])(
    'resources, settings and nodes of %s',
    async (name) => {
      const resources = { requests: { cpu: '2', memory: '3Gi' }, limits: { memory: '4Gi' } }
      const manifests = await chart.render({
        ...all,
        [`${name}.resources`]: resources,
        [`${name}.env`]: { NODE_OPTIONS: '--max-old-space-size=2048', FORESIZE_LOG_LEVEL: 'debug' },
        [`${name}.nodeSelector`]: { pool: 'system' },
        [`${name}.affinity`]: { nodeAffinity: {} },
        [`${name}.tolerations`]: [{ operator: 'Exists', effect: 'NoSchedule' }],
      })
      const pod = podOf(manifests, `foresize-${name}`)
      expect(pod).toMatchObject({
        nodeSelector: { pool: 'system' },
        affinity: { nodeAffinity: {} },
        tolerations: [{ operator: 'Exists', effect: 'NoSchedule' }],
      })
      const env = pod?.containers[0]?.env ?? []
      expect(pod?.containers[0]?.resources).toEqual(resources)
      expect(env.filter((each) => each.name === 'NODE_OPTIONS')).toEqual([
        { name: 'NODE_OPTIONS', value: '--max-old-space-size=2048' },
      ])
      expect(env).toContainEqual({ name: 'FORESIZE_LOG_LEVEL', value: 'debug' })
    },
  )

  test('replicas without an autoscaler, bounds with one, and a budget that lets a drain take one', async () => {
    const replicas = { 'autoscaling.enabled': false, 'profiler.replicas': 4, 'estimator.replicas': 5 }
    const fixed = await chart.render({ ...all, ...replicas })
    expect(fixed.filter(({ kind }) => kind === 'HorizontalPodAutoscaler')).toEqual([])
    const countOf = (name: string) =>
      fixed.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === name)?.['spec'].replicas
    expect([countOf('foresize-profiler'), countOf('foresize-estimator')]).toEqual([4, 5])
    const bounds = { 'autoscaling.estimator.minReplicas': 6, 'autoscaling.estimator.maxReplicas': 20 }
    const scaled = await chart.render({ ...all, ...bounds })
    const specOf = (kind: string) =>
      scaled.find((each) => each.kind === kind && each.metadata.name === 'foresize-estimator')?.['spec']
    expect(specOf('HorizontalPodAutoscaler')).toMatchObject({ minReplicas: 6, maxReplicas: 20 })
    expect(specOf('PodDisruptionBudget')).toMatchObject({ minAvailable: 5 })
  })

  test('the volume, and where Redis is', async () => {
    const volume = { 'profiler.storage.size': '50Gi', 'profiler.storage.className': 'fast' }
    const [claim] = (await chart.render(volume)).flatMap(({ kind, spec }) =>
      kind === 'StatefulSet' ? spec.volumeClaimTemplates : [],
    )
    expect(claim.spec).toMatchObject({
      storageClassName: 'fast',
      resources: { requests: { storage: '50Gi' } },
    })
    const egress = [{ to: [{ ipBlock: { cidr: '10.1.0.0/16' } }], ports: [{ protocol: 'TCP', port: 6380 }] }]
    const redis = {
      store: 'redis',
      'redis.nodes': 'redis.example:6380',
      'redis.tls': true,
      'redis.egress': egress,
    }
    const manifests = await chart.render(redis)
    const env = podOf(manifests, 'foresize-profiler')?.containers[0]?.env
    expect(env).toContainEqual({ name: 'FORESIZE_PROFILER_REDIS_NODES', value: 'redis.example:6380' })
    expect(env).toContainEqual({ name: 'FORESIZE_PROFILER_REDIS_TLS', value: 'true' })
    const policy = manifests.find(({ metadata }) => metadata.name === 'foresize-profiler-to-redis')
    expect(policy?.['spec'].egress).toEqual(egress)
  })

  test('the namespaces of the agent and of Prometheus, and the labels that it selects by', async () => {
    const own = {
      'agent.namespace': 'nodes',
      'monitoring.namespace': 'prometheus',
      'monitoring.labels': { release: 'p' },
    }
    const manifests = await chart.render({ ...all, ...own }, 'sizing')
    const text = JSON.stringify(manifests)
    expect(text).not.toMatch(
      /"(namespace|kubernetes\.io\/metadata\.name)":"(foresize|foresize-agent|monitoring)"/,
    )
    expect(text).not.toContain('.foresize.svc')
    const monitors = manifests.filter(({ apiVersion }) => apiVersion.startsWith('monitoring.coreos.com/'))
    expect(monitors).toHaveLength(4)
    for (const { metadata } of monitors) expect(metadata.labels).toMatchObject({ release: 'p' })
  })
})

test.each<[string, Values]>([
  ['stores', { stores: 'redis' }],
  ['profiler', { 'profiler.memory': '1Gi' }],
  ['store', { store: 'sqlite' }],
  ['replicas', { 'estimator.replicas': 0 }],
  ['enabled', { 'agent.enabled': 'yes' }],
])('a value that there is not, or of another kind, is refused by its name: %s', async (name, values) => {
  await expect(chart.render(values)).rejects.toThrow(name)
})

test('make release packs it, twice as the same bytes, and Helm takes the file', async () => {
  const [one, two] = [releaseOf('chart'), releaseOf('chart')]
  try {
    const [file, again] = [one.file('foresize-chart-', '.tgz'), two.file('foresize-chart-', '.tgz')]
    expect(readFileSync(file).equals(readFileSync(again))).toBe(true)
    const fromFile = await chart.helm([
      'template',
      'foresize',
      file,
      '--namespace',
      'foresize',
      '--kube-version',
      '1.34.0',
    ])
    expect(comparable(parseManifests(fromFile))).toEqual(comparable(await chart.render({})))
    expect(await chart.helm(['show', 'chart', file])).toContain(`version: ${version}`)
  } finally {
    for (const release of [one, two]) release.remove()
  }
})
