import { existsSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { agentConfig, agentEnvPrefix } from '../../services/kubernetes/agent/config.ts'
import { readConfig } from '../../shared/runtime/config.ts'
import { type Manifest, programOf, renderOverlay, violationsOf } from '../support/manifests.ts'
import {
  type Container,
  matches,
  restrictedViolations,
  type Workload,
  workloadsOf,
} from '../support/workloads.ts'

describe('the node agent', () => {
  let manifests: readonly Manifest[]
  let workload: Workload
  let container: Container
  const ofKind = (kind: string) => manifests.filter((each) => each.kind === kind)
  const settings = () => {
    const env = Object.fromEntries((container.env ?? []).map(({ name, value = 'node-1' }) => [name, value]))
    return readConfig(agentConfig, { argv: [], env, envPrefix: agentEnvPrefix })
  }

  beforeAll(async () => {
    manifests = await renderOverlay('kubernetes/agent')
    workload = workloadsOf(manifests)[0] as Workload
    container = workload.pod.containers[0] as Container
  })

  test('is valid, with no field that there is not, all of it part of foresize and in its own namespace', async () => {
    expect(await violationsOf(manifests)).toEqual([])
    for (const { kind, metadata } of manifests) {
      expect(metadata.labels).toMatchObject({ 'app.kubernetes.io/part-of': 'foresize' })
      if (kind !== 'Namespace' && !kind.startsWith('ClusterRole'))
        expect(metadata).toMatchObject({ namespace: 'foresize-agent' })
    }
  })

  test('is restricted in all but the one volume of the host, which it cannot write to', () => {
    expect(restrictedViolations(workload)).toEqual(['foresize-agent: volume cgroup is a hostPath'])
    const { volumeMounts = [] } = container
    expect(volumeMounts.find(({ name }) => name === 'cgroup')).toMatchObject({ readOnly: true })
    expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: true })
    expect(ofKind('Namespace')[0]?.metadata.labels).toMatchObject({
      'pod-security.kubernetes.io/enforce': 'privileged',
    })
  })

  test('is started with settings that it knows, on a port that its Service, its probes and Prometheus name', () => {
    const ports = new Map(container.ports?.map(({ name, containerPort }) => [name, containerPort]))
    expect(settings().metricsListen).toBe(`0.0.0.0:${ports.get('metrics')}`)
    expect(settings().cgroupRoot).toBe(
      container.volumeMounts?.find(({ name }) => name === 'cgroup')?.mountPath,
    )
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'])
      expect(container[probe]).toMatchObject({ httpGet: { port: 'metrics' } })
    const [service] = ofKind('Service')
    expect(matches(service?.['spec'].selector, workload.labels)).toBe(true)
    const [monitor] = ofKind('ServiceMonitor')
    expect(matches(monitor?.['spec'].selector.matchLabels, service?.metadata.labels)).toBe(true)
    expect(workload.pod['enableServiceLinks']).toBe(false)
    expect(existsSync(programOf(container))).toBe(true)
  })

  test('may list and watch Pods and namespaces, and nothing else', () => {
    expect(ofKind('Role')).toEqual([])
    expect(ofKind('ClusterRole').flatMap(({ rules }) => rules)).toEqual([
      { apiGroups: [''], resources: ['pods', 'namespaces'], verbs: ['list', 'watch'] },
    ])
  })

  test('reaches the profiler, which lets its namespace in by the label', async () => {
    const base = await renderOverlay('kubernetes/overlays/single-node')
    const policyOf = (all: readonly Manifest[], name: string) =>
      (all.find(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === name) as Manifest)[
        'spec'
      ]
    const allowed = policyOf(base, 'foresize-profiler').ingress[0]
    const [{ namespaceSelector }] = allowed.from
    expect(matches(namespaceSelector.matchLabels, ofKind('Namespace')[0]?.metadata.labels)).toBe(true)
    const spoken = policyOf(manifests, 'foresize-agent').egress[0]
    const profiler = workloadsOf(base).find(({ name }) => name === 'foresize-profiler')
    expect(matches(spoken.to[0].podSelector.matchLabels, profiler?.labels)).toBe(true)
    expect(spoken.ports).toEqual(allowed.ports)
  })
})
