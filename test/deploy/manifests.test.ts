import { existsSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { estimatorConfig, estimatorEnvPrefix } from '../../services/estimator/config.ts'
import { profilerConfig, profilerEnvPrefix } from '../../services/profiler/config.ts'
import { livenessService } from '../../shared/rpc/server.ts'
import { readConfig } from '../../shared/runtime/config.ts'
import { type Manifest, programOf, readManifests, renderIn, renderOverlay } from '../support/manifests.ts'
import {
  type Container,
  containersOf,
  matches,
  restrictedViolations,
  type Workload,
  workloadsOf,
} from '../support/workloads.ts'

/** Made by hand, as docs/kubernetes.md says. */
const secretsByHand = ['foresize-tokens', 'foresize-estimator-token', 'foresize-redis']

const envOf = ({ env = [] }: Container) =>
  Object.fromEntries(
    env.map(({ name, value, valueFrom }) => [name, valueFrom === undefined ? value : 'secret']),
  )

function settingsOf(container: Container) {
  const sources = { argv: [], env: envOf(container) }
  return container.name === 'profiler'
    ? readConfig(profilerConfig, { ...sources, envPrefix: profilerEnvPrefix })
    : readConfig(estimatorConfig, { ...sources, envPrefix: estimatorEnvPrefix })
}

const isService = ({ name }: Container) => name === 'profiler' || name === 'estimator'

describe.each(['single-node', 'production'])('the overlay %s', (overlay) => {
  let manifests: readonly Manifest[]
  let workloads: readonly Workload[]
  const ofKind = (kind: string) => manifests.filter((manifest) => manifest.kind === kind)
  const selectedBy = (selector: Readonly<Record<string, string>>) =>
    workloads.filter(({ labels }) => matches(selector, labels))

  beforeAll(async () => {
    manifests = await renderOverlay(`kubernetes/overlays/${overlay}`)
    workloads = workloadsOf(manifests)
  })

  test('has one profiler and one estimator workload, all in one namespace', () => {
    expect(workloads.map(({ name }) => name).toSorted()).toEqual(['foresize-estimator', 'foresize-profiler'])
    for (const { kind, metadata } of manifests) {
      if (kind !== 'Namespace') expect(metadata).toMatchObject({ namespace: 'foresize' })
    }
  })

  test('every selector selects pods: services, budgets, policies, spreading, the workloads themselves', () => {
    for (const { spec } of ofKind('Service')) expect(selectedBy(spec.selector)).toHaveLength(1)
    for (const { spec } of ofKind('PodDisruptionBudget')) {
      expect(selectedBy(spec.selector.matchLabels)).toHaveLength(1)
    }
    for (const { spec, metadata } of ofKind('NetworkPolicy')) {
      // Redis is the user's own.
      if (['deny-all', 'foresize-redis'].includes(metadata.name)) continue
      expect(selectedBy(spec.podSelector.matchLabels)).toHaveLength(1)
    }
    for (const { spec } of [...ofKind('Deployment'), ...ofKind('StatefulSet')]) {
      expect(matches(spec.selector.matchLabels, spec.template.metadata.labels)).toBe(true)
      for (const { labelSelector } of spec.template.spec.topologySpreadConstraints) {
        expect(matches(labelSelector.matchLabels, spec.template.metadata.labels)).toBe(true)
      }
    }
    for (const { spec } of ofKind('ServiceMonitor')) {
      const monitored = ofKind('Service').filter(({ metadata }) =>
        matches(spec.selector.matchLabels, metadata.labels),
      )
      expect(monitored).toHaveLength(2)
      for (const { port } of spec.endpoints) {
        for (const service of monitored)
          expect(service['spec'].ports.map(({ name }: Container) => name)).toContain(port)
      }
    }
    for (const { spec } of ofKind('StatefulSet')) {
      expect(ofKind('Service').map(({ metadata }) => metadata.name)).toContain(spec.serviceName)
    }
  })

  test('every port that is spoken of is there, and the process listens on it', () => {
    for (const { pod } of workloads) {
      for (const container of pod.containers) {
        const settings = settingsOf(container)
        const ports = new Map(container.ports?.map(({ name, containerPort }) => [name, containerPort]))
        expect(settings.listen).toBe(`0.0.0.0:${ports.get('grpc')}`)
        expect(settings.healthListen).toBe(`0.0.0.0:${ports.get('health')}`)
        expect(settings.metricsListen).toBe(`0.0.0.0:${ports.get('metrics')}`)
        for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
          expect(container[probe]).toMatchObject({ grpc: { port: ports.get('health') } })
        }
        expect(container['livenessProbe']).toMatchObject({ grpc: { service: livenessService } })
      }
    }
    for (const { spec } of ofKind('Service')) {
      const names = selectedBy(spec.selector).flatMap(({ pod }) =>
        pod.containers.flatMap(({ ports = [] }) => ports),
      )
      for (const { port, targetPort } of spec.ports) {
        expect(names).toContainEqual({ name: targetPort, containerPort: port })
      }
      expect(spec.clusterIP).toBe('None')
    }
    const named = new Set(
      workloads.flatMap((each) =>
        containersOf(each).flatMap(({ ports = [] }) => ports.map(({ name }) => name)),
      ),
    )
    for (const { spec } of ofKind('NetworkPolicy')) {
      for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
        for (const { port } of rule.ports) if (typeof port === 'string') expect(named).toContain(port)
      }
    }
  })

  test('every setting is one that the service knows; its flags ask for TLS and tokens', () => {
    for (const { pod } of workloads) {
      for (const container of pod.containers) {
        expect(settingsOf(container)).toMatchObject({
          tlsCertFile: '/tls/tls.crt',
          tlsKeyFile: '/tls/tls.key',
          tokensFile: '/tokens/tokens.json',
          insecureBind: false,
        })
        expect(existsSync(programOf(container))).toBe(true)
      }
      // Kubernetes would otherwise set FORESIZE_PROFILER_PORT and the like, which the services refuse.
      expect(pod['enableServiceLinks']).toBe(false)
    }
  })

  test('the grace period has room for preStop and for the drain', () => {
    for (const { pod } of workloads) {
      for (const container of pod.containers) {
        const { preStop } = container['lifecycle'] as {
          readonly preStop: { readonly sleep: { readonly seconds: number } }
        }
        expect(pod['terminationGracePeriodSeconds']).toBeGreaterThanOrEqual(
          preStop.sleep.seconds + settingsOf(container).drainMs / 1000 + 10,
        )
      }
    }
  })

  test('the heap, and what is held beside it, is below the memory limit', () => {
    const bytesOf = (quantity = '') =>
      Number(quantity.slice(0, -2)) * (quantity.endsWith('Gi') ? 2 ** 30 : 2 ** 20)
    for (const container of workloads.flatMap(({ pod }) => pod.containers)) {
      const settings = settingsOf(container)
      const heap = /--max-old-space-size=(\d+)/.exec(envOf(container)['NODE_OPTIONS'] ?? '')?.[1]
      const beside = 'replicaMaxBytes' in settings ? settings.replicaMaxBytes : 128 * 2 ** 20
      expect(Number(heap) * 2 ** 20 + beside).toBeLessThan(bytesOf(container.resources?.limits?.['memory']))
    }
  })

  test('a drain of a node is never stopped by a budget', () => {
    for (const { metadata, spec } of ofKind('PodDisruptionBudget')) {
      const scaler = ofKind('HorizontalPodAutoscaler').find(
        (each) => each['spec'].scaleTargetRef.name === metadata.name,
      )
      const workload = manifests.find(
        (each) => ['Deployment', 'StatefulSet'].includes(each.kind) && each.metadata.name === metadata.name,
      )
      const least = scaler?.['spec'].minReplicas ?? workload?.['spec'].replicas
      expect(spec.minAvailable).toBeLessThan(least)
    }
  })

  test('a pod that is replaced serves for as long as a cache of DNS may name it', () => {
    const cacheSeconds = 30
    for (const { kind, pod } of workloads) {
      // There is one pod of a StatefulSet: the next starts when it has ended.
      if (kind !== 'Deployment') continue
      for (const container of pod.containers) {
        const { preStop } = container['lifecycle'] as {
          readonly preStop: { readonly sleep: { readonly seconds: number } }
        }
        expect(preStop.sleep.seconds).toBeGreaterThan(cacheSeconds)
      }
    }
  })

  test('every resource says that it is part of foresize, so that all of it can be listed and removed', () => {
    for (const { kind, metadata } of manifests) {
      expect(metadata.labels, `${kind}/${metadata.name}`).toMatchObject({
        'app.kubernetes.io/part-of': 'foresize',
      })
    }
  })

  test('an autoscaler has a target that leaves the count to it and says what it needs', () => {
    for (const { spec } of ofKind('HorizontalPodAutoscaler')) {
      const target = manifests.find(
        (each) => each.kind === spec.scaleTargetRef.kind && each.metadata.name === spec.scaleTargetRef.name,
      )
      expect(target?.apiVersion).toBe(spec.scaleTargetRef.apiVersion)
      expect(target?.['spec'].replicas).toBeUndefined()
      for (const { resources } of target?.['spec'].template.spec.containers ?? []) {
        expect(resources.requests.cpu).toBeDefined()
      }
    }
  })

  test('no pod breaks the Pod Security Standard that the namespace enforces; every root is read-only', () => {
    expect(ofKind('Namespace')[0]?.metadata.labels).toMatchObject({
      'pod-security.kubernetes.io/enforce': 'restricted',
    })
    for (const workload of workloads) {
      expect(restrictedViolations(workload)).toEqual([])
      expect(workload.pod['automountServiceAccountToken']).toBe(false)
      for (const { securityContext, resources, image } of containersOf(workload)) {
        expect(securityContext).toMatchObject({ readOnlyRootFilesystem: true })
        expect(resources).toMatchObject({
          requests: { memory: expect.any(String), cpu: expect.any(String) },
          limits: { memory: expect.any(String) },
        })
        expect(image).toMatch(/:\d/)
      }
    }
  })

  test('every secret is one that cert-manager makes or that the page tells to make', () => {
    const made = ofKind('Certificate').map(({ spec }) => spec.secretName)
    for (const { pod } of workloads) {
      const mounted = (pod.volumes ?? []).flatMap(({ secret }) => {
        const { secretName } = (secret ?? {}) as { readonly secretName?: string }
        return secretName === undefined ? [] : [secretName]
      })
      const read = pod.containers.flatMap(({ env = [] }) =>
        env.flatMap(({ valueFrom }) => {
          const { secretKeyRef } = (valueFrom ?? {}) as { readonly secretKeyRef?: { readonly name: string } }
          return secretKeyRef === undefined ? [] : [secretKeyRef.name]
        }),
      )
      for (const name of [...mounted, ...read]) expect([...made, ...secretsByHand]).toContain(name)
    }
  })

  test('the estimator reaches the profiler by a name that its certificate has', () => {
    const estimator = workloads.flatMap(({ pod }) => pod.containers).find(({ name }) => name === 'estimator')
    const target = envOf(estimator as Container)['FORESIZE_ESTIMATOR_PROFILER'] ?? ''
    const [, host, port] = /^dns:\/\/\/([^:]+):(\d+)$/.exec(target) ?? []
    const service = ofKind('Service').find(({ metadata }) => metadata.name === host)
    expect(service?.['spec'].ports.map((each: { readonly port: number }) => each.port)).toContain(
      Number(port),
    )
    const certificate = ofKind('Certificate').find(({ metadata }) => metadata.name === 'foresize-profiler')
    expect(certificate?.['spec'].dnsNames).toContain(host)
  })
})

test('while profiles move from one store to the other, a Service leads to the profilers of one store', async () => {
  const [single = [], several = []] = await Promise.all(
    ['single-node', 'production'].map((overlay) => renderOverlay(`kubernetes/overlays/${overlay}`)),
  )
  const both = [...workloadsOf(single), ...workloadsOf(several)]
  for (const [manifests, kind] of [
    [single, 'StatefulSet'],
    [several, 'Deployment'],
  ] as const) {
    const service = manifests.find(
      (each) => each.kind === 'Service' && each.metadata.name === 'foresize-profiler',
    )
    const behind = both.filter(({ labels }) => matches(service?.['spec'].selector, labels))
    expect(behind.map((each) => each.kind)).toEqual([kind])
  }
  // What the page applies first, by this selector: the new profilers, and what lets them reach their store.
  const first = several.filter(({ metadata }) => metadata.labels?.['foresize.dev/store'] === 'redis')
  expect(first.map(({ kind, metadata }) => `${kind}/${metadata.name}`).toSorted()).toEqual([
    'Deployment/foresize-profiler',
    'NetworkPolicy/foresize-profiler-to-redis',
    'NetworkPolicy/foresize-redis',
  ])
})

test('certificates name the services of the namespace that an overlay sets', async () => {
  const manifests = await renderIn('other', 'production', 'gateway', 'admission')
  expect(manifests.find(({ kind }) => kind === 'Namespace')?.metadata.name).toBe('other')
  const named = manifests.filter(({ kind, spec }) => kind === 'Certificate' && spec.dnsNames !== undefined)
  expect(named.map(({ metadata }) => metadata.name).toSorted()).toEqual([
    'foresize-admission',
    'foresize-estimator',
    'foresize-gateway',
    'foresize-profiler',
  ])
  for (const { metadata, spec } of named) {
    const { name } = metadata
    expect(spec.dnsNames).toEqual([
      name,
      `${name}.other`,
      `${name}.other.svc`,
      `${name}.other.svc.cluster.local`,
      ...(name === 'foresize-admission' ? [] : ['localhost']),
    ])
  }
})

/** Every text of a manifest, with where it stands. */
function textsOf(value: unknown, place: string): readonly (readonly [place: string, text: string])[] {
  if (typeof value === 'string') return [[place, value]]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, each]) => textsOf(each, `${place}.${key}`))
}

test.each([[['admission']], [['admission', 'admission-self-signed']]])(
  'an overlay with %j names its own namespace everywhere, and no other of foresize',
  async (components) => {
    const manifests = await renderIn('other', 'production', 'gateway', ...components)
    const texts = manifests.flatMap((each) => textsOf(each, `${each.kind}/${each.metadata.name}`))
    const namesDefault = ([place, text]: readonly [string, string]) =>
      (place.endsWith('.namespace') && text === 'foresize') ||
      /^foresize\/|[\w-]\.foresize(?!\.dev)(\.|$)/.test(text)
    expect(texts.filter(namesDefault)).toEqual([])
  },
)

test.each(['job', 'scheduler-sidecar'])(
  'the example %s is restricted and speaks to the profiler over TLS',
  async (file) => {
    for (const workload of workloadsOf(await readManifests(`kubernetes/examples/${file}.yaml`))) {
      expect(restrictedViolations(workload)).toEqual([])
      expect(workload.pod['enableServiceLinks']).toBe(false)
      const env = Object.assign({}, ...containersOf(workload).map(envOf)) as Readonly<Record<string, string>>
      expect(env['FORESIZE_CA_FILE'] ?? env['FORESIZE_ESTIMATOR_PROFILER_CA_FILE']).toBe(
        '/foresize-ca/ca.crt',
      )
      for (const container of containersOf(workload)) {
        if (isService(container)) expect(() => settingsOf(container)).not.toThrow()
      }
    }
  },
)
