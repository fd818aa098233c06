import { existsSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { gatewayConfig, gatewayEnvPrefix, mustAskForTokens } from '../../services/gateway/config.ts'
import { readConfig } from '../../shared/runtime/config.ts'
import { type Manifest, programOf, renderWith, violationsOf } from '../support/manifests.ts'
import {
  type Container,
  matches,
  restrictedViolations,
  type Workload,
  workloadsOf,
} from '../support/workloads.ts'

describe.each(['single-node', 'production'])('the overlay %s with the gateway', (overlay) => {
  let manifests: readonly Manifest[]
  let workloads: readonly Workload[]
  let gateway: Workload
  let container: Container
  const ofKind = (kind: string) => manifests.filter((manifest) => manifest.kind === kind)
  const named = (kind: string, name = 'foresize-gateway'): Manifest => {
    const found = ofKind(kind).find(({ metadata }) => metadata.name === name)
    if (found === undefined) throw new Error(`no ${kind} ${name}`)
    return found
  }
  const settings = () => {
    const env = Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value]))
    return readConfig(gatewayConfig, { argv: [], env, envPrefix: gatewayEnvPrefix })
  }

  beforeAll(async () => {
    manifests = await renderWith(overlay, 'gateway')
    workloads = workloadsOf(manifests)
    gateway = workloads.find(({ name }) => name === 'foresize-gateway') as Workload
    container = gateway.pod.containers[0] as Container
  })

  test('is valid, with no field that there is not', async () => {
    expect(await violationsOf(manifests)).toEqual([])
  })

  test('is as restricted as the namespace asks for', () => {
    expect(restrictedViolations(gateway)).toEqual([])
    expect(gateway.pod['automountServiceAccountToken']).toBe(false)
    expect(gateway.pod['enableServiceLinks']).toBe(false)
    expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: true })
  })

  test('is started with settings that it knows: over TLS, before services that ask for tokens', () => {
    expect(settings()).toMatchObject({
      tlsCertFile: '/tls/tls.crt',
      upstreamCaFile: '/tls/ca.crt',
      insecureBind: false,
      insecureUpstream: false,
    })
    expect(mustAskForTokens(settings())).toBe(true)
    expect(existsSync(programOf(container))).toBe(true)
  })

  test('its ports are the ones it listens on, its probes and its service ask there', () => {
    const ports = new Map(container.ports?.map(({ name, containerPort }) => [name, containerPort]))
    expect(settings().listen).toBe(`0.0.0.0:${ports.get('https')}`)
    expect(settings().metricsListen).toBe(`0.0.0.0:${ports.get('metrics')}`)
    expect(container['readinessProbe']).toMatchObject({ httpGet: { path: '/healthz', port: 'metrics' } })
    expect(container['livenessProbe']).toMatchObject({ httpGet: { path: '/livez', port: 'metrics' } })
    for (const { targetPort } of named('Service')['spec'].ports)
      expect([...ports.keys()]).toContain(targetPort)
    expect(matches(named('Service')['spec'].selector, gateway.labels)).toBe(true)
  })

  test('it reaches the services by names that their certificates have, and has one itself', () => {
    for (const service of ['profiler', 'estimator'] as const) {
      const [, host] = /^dns:\/\/\/([^:]+):\d+$/.exec(settings()[service]) ?? []
      const certificate = named('Certificate', `foresize-${service}`)
      expect(certificate['spec'].dnsNames).toContain(host)
    }
    expect(named('Certificate')['spec']).toMatchObject({ secretName: 'foresize-gateway-tls' })
  })

  test('what the network lets it say, the network lets the services hear, and nobody else through it', () => {
    const [services] = named('NetworkPolicy')['spec'].egress
    const heard = named('NetworkPolicy', 'foresize-gateway-to-services')
    const [{ values }] = heard['spec'].podSelector.matchExpressions
    const spoken = services.to.map((to: Manifest) => to['podSelector'].matchLabels['app.kubernetes.io/name'])
    expect(spoken.toSorted()).toEqual(values.toSorted())
    expect(workloads.map(({ name }) => name)).toEqual(expect.arrayContaining(values))
    expect(matches(heard['spec'].ingress[0].from[0].podSelector.matchLabels, gateway.labels)).toBe(true)
  })

  test('a drain waits for its calls, of its pods one at a time', () => {
    const { preStop } = container['lifecycle'] as {
      readonly preStop: { readonly sleep: { readonly seconds: number } }
    }
    const needed = preStop.sleep.seconds + settings().drainMs / 1000 + 10
    expect(gateway.pod['terminationGracePeriodSeconds']).toBeGreaterThanOrEqual(needed)
    expect(named('PodDisruptionBudget')['spec']).toMatchObject({ maxUnavailable: 1 })
    expect(named('Deployment')['spec'].replicas).toBeGreaterThan(1)
  })
})
