import { existsSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  admissionConfig,
  admissionEnvPrefix,
  requireConsistent,
} from '../../services/kubernetes/admission/config.ts'
import { admissionPath } from '../../services/kubernetes/admission/request-handler.ts'
import { modeLabel, podAnnotations } from '../../services/kubernetes/domain/names.ts'
import { readConfig } from '../../shared/runtime/config.ts'
import { type Manifest, programOf, renderWith, violationsOf } from '../support/manifests.ts'
import {
  type Container,
  matches,
  restrictedViolations,
  type Workload,
  workloadsOf,
} from '../support/workloads.ts'

describe.each([
  ['with cert-manager', ['admission']],
  ['self-signed', ['admission', 'admission-self-signed']],
])('the admission webhook, %s', (_, components) => {
  let manifests: readonly Manifest[]
  let workload: Workload
  let container: Container
  const isSelfSigned = components.length > 1
  const named = (kind: string, name = 'foresize-admission'): Manifest => {
    const found = manifests.find((each) => each.kind === kind && each.metadata.name === name)
    if (found === undefined) throw new Error(`no ${kind} ${name}`)
    return found
  }
  const settings = () => {
    // The kubelet fills in variables that were set before.
    const env = Object.fromEntries(
      (container.env ?? []).map(({ name, value }) => [name, value?.replaceAll('$(NAMESPACE)', 'foresize')]),
    )
    expect(isSelfSigned).toBe((container.env ?? []).some(({ name }) => name === 'NAMESPACE'))
    return readConfig(admissionConfig, { argv: [], env, envPrefix: admissionEnvPrefix })
  }

  beforeAll(async () => {
    manifests = await renderWith('production', ...components)
    workload = workloadsOf(manifests).find(({ name }) => name === 'foresize-admission') as Workload
    container = workload.pod.containers[0] as Container
  })

  test('is valid, with no field that there is not, and part of foresize', async () => {
    const own = manifests.filter(({ metadata }) => metadata.name.startsWith('foresize-admission'))
    expect(own.length).toBeGreaterThan(8)
    expect(await violationsOf(own)).toEqual([])
    for (const { metadata } of own)
      expect(metadata.labels).toMatchObject({ 'app.kubernetes.io/part-of': 'foresize' })
  })

  test('is as restricted as the namespace asks for', () => {
    expect(restrictedViolations(workload)).toEqual([])
    expect(workload.pod['enableServiceLinks']).toBe(false)
    expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: true })
  })

  test('is started with settings that it knows, on ports that its Service and probes name', () => {
    expect(() => requireConsistent(settings())).not.toThrow()
    const ports = new Map(container.ports?.map(({ name, containerPort }) => [name, containerPort]))
    expect(settings().listen).toBe(`0.0.0.0:${ports.get('https')}`)
    expect(settings().metricsListen).toBe(`0.0.0.0:${ports.get('metrics')}`)
    expect(container['readinessProbe']).toMatchObject({ httpGet: { path: '/healthz', port: 'metrics' } })
    for (const { targetPort } of named('Service')['spec'].ports)
      expect([...ports.keys()]).toContain(targetPort)
    expect(matches(named('Service')['spec'].selector, workload.labels)).toBe(true)
    expect(existsSync(programOf(container))).toBe(true)
  })

  test('is never in the way: ignored where it fails, in time, only where a namespace has opted in, without side effects', () => {
    const { webhooks } = named('MutatingWebhookConfiguration')
    for (const webhook of webhooks) {
      expect(webhook).toMatchObject({ failurePolicy: 'Ignore', sideEffects: 'None', timeoutSeconds: 1 })
      expect(webhook.namespaceSelector.matchExpressions).toEqual([{ key: modeLabel, operator: 'Exists' }])
      expect(webhook.clientConfig.service).toMatchObject({
        name: named('Service').metadata.name,
        namespace: 'foresize',
        path: admissionPath,
      })
      expect(settings().deadlineMs).toBeLessThan(1000 * webhook.timeoutSeconds)
    }
    expect(webhooks[0].matchConditions[0].expression).toContain(`'${podAnnotations.task}'`)
  })

  test('has its certificate from one place, for the name that the API server calls', () => {
    const name = 'foresize-admission.foresize.svc'
    const certificates = manifests.filter(
      ({ kind, metadata }) => kind === 'Certificate' && metadata.name === 'foresize-admission',
    )
    const annotations = (named('MutatingWebhookConfiguration').metadata as { annotations?: object })
      .annotations
    if (isSelfSigned) {
      expect(certificates).toEqual([])
      expect(annotations ?? {}).toEqual({})
      expect(settings().selfSignedNames).toContain(name)
      expect(settings().selfSignedStore).toBe('foresize/foresize-admission-self-signed')
      expect(named('Secret', 'foresize-admission-self-signed')['data']).toBeUndefined()
    } else {
      expect(certificates[0]?.['spec'].dnsNames).toContain(name)
      expect(annotations).toEqual({ 'cert-manager.io/inject-ca-from': 'foresize/foresize-admission' })
    }
  })

  test('may do no more than it does: read, and write its own certificate alone', () => {
    const rules = manifests
      .filter(
        ({ kind, metadata }) =>
          ['Role', 'ClusterRole'].includes(kind) && metadata.name.startsWith('foresize-admission'),
      )
      .flatMap(
        ({ rules: all }) => all as readonly { verbs: readonly string[]; resourceNames?: readonly string[] }[],
      )
    for (const { verbs, resourceNames } of rules) {
      expect(verbs).not.toContain('*')
      if (resourceNames === undefined)
        expect(['get', 'list', 'watch']).toEqual(expect.arrayContaining([...verbs]))
    }
  })

  test('the network lets it reach the estimator, and the estimator hear it', () => {
    const heard = named('NetworkPolicy', 'foresize-admission-to-estimator')['spec']
    expect(matches(heard.ingress[0].from[0].podSelector.matchLabels, workload.labels)).toBe(true)
    expect(named('NetworkPolicy')['spec'].egress[0].to[0].podSelector).toEqual(heard.podSelector)
  })

  test('a drain waits for its reviews, of its pods one at a time', () => {
    const { preStop } = container['lifecycle'] as {
      readonly preStop: { readonly sleep: { readonly seconds: number } }
    }
    const needed = preStop.sleep.seconds + settings().drainMs / 1000 + 10
    expect(workload.pod['terminationGracePeriodSeconds']).toBeGreaterThanOrEqual(needed)
    expect(named('PodDisruptionBudget')['spec']).toMatchObject({ maxUnavailable: 1 })
  })
})
