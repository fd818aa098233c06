import { X509Certificate } from 'node:crypto'
import { modeLabel } from '../../services/kubernetes/domain/names.ts'
import { namespacePolicyOf } from '../../services/kubernetes/domain/namespace-policy.ts'
import type { ObjectMeta } from '../../services/kubernetes/domain/pod.ts'
import type { Finding } from './findings.ts'

/** Of a MutatingWebhookConfiguration, what is looked at. */
export interface WebhookConfiguration {
  readonly webhooks?: readonly {
    readonly name: string
    readonly failurePolicy?: string
    readonly timeoutSeconds?: number
    readonly clientConfig: {
      /** Base64 of PEM certificates. */
      readonly caBundle?: string
      readonly service?: { readonly namespace: string; readonly name: string }
    }
  }[]
}

export interface Deployment {
  readonly spec: { readonly replicas?: number }
  readonly status?: { readonly availableReplicas?: number }
}

/** Of cert-manager's Certificate: what is in its Secret need not be read. */
export interface Certificate {
  readonly status?: {
    readonly notAfter?: string
    readonly conditions?: readonly {
      readonly type: string
      readonly status: string
      readonly message?: string
    }[]
  }
}

export interface DaemonSet {
  readonly metadata: ObjectMeta
  readonly spec: { readonly template: { readonly spec: { readonly serviceAccountName?: string } } }
  readonly status?: { readonly desiredNumberScheduled?: number; readonly numberReady?: number }
}

type Check = Finding['check']

const of =
  (service: 'admission' | 'agent') =>
  (verdict: Finding['verdict'], check: Check, found: string, advice = ''): Finding => ({
    verdict,
    service,
    check,
    found,
    advice,
  })

const admission = of('admission')
const agent = of('agent')
const dayMs = 86_400_000
const soonMs = 14 * dayMs

/** Longer would be felt where the webhook hangs. */
const maxTimeoutSeconds = 5

/** What may not be read is no fault of the deployment. */
export const unread = (service: 'admission' | 'agent', found: string): Finding =>
  of(service)(
    'warn',
    'kubernetes',
    found,
    'Look again as somebody who may read it: kubectl auth whoami says who that was.',
  )

export const missingWebhook = (): Finding =>
  admission(
    'warn',
    'configuration',
    'there is no MutatingWebhookConfiguration foresize-admission: no Pod is sized',
    'Add components/admission, or set admission.enabled of the chart.',
  )

/** That a webhook which does not answer stands in nobody's way. */
export function judgePolicy({ webhooks = [] }: WebhookConfiguration): Finding {
  const strict = webhooks.filter(({ failurePolicy }) => failurePolicy !== 'Ignore')
  if (strict.length > 0) {
    const names = strict.map(({ name }) => name).join(', ')
    return admission(
      'fail',
      'configuration',
      `${names}: failurePolicy is not Ignore`,
      'Without the webhook no Pod could be made: set it to Ignore.',
    )
  }
  const slow = webhooks.filter(({ timeoutSeconds = 10 }) => timeoutSeconds > maxTimeoutSeconds)
  return slow.length > 0
    ? admission(
        'warn',
        'configuration',
        `timeoutSeconds is ${slow[0]?.timeoutSeconds ?? 10}`,
        'Every Pod waits so long where the webhook hangs: 1 is enough.',
      )
    : admission('ok', 'configuration', 'ignored where it does not answer')
}

/** By the CA that the API server trusts, webhook by webhook. */
export function judgeCertificate({ webhooks = [] }: WebhookConfiguration, nowUnixMs: number): Finding {
  const bundles = webhooks.map(({ name, clientConfig: { caBundle } }) => ({
    name,
    ends: lastsUntil(caBundle),
  }))
  const without = bundles.filter(({ ends }) => ends === undefined).map(({ name }) => name)
  if (without.length > 0) {
    return admission(
      'fail',
      'tls',
      `${without.join(', ')}: no CA that can be read in caBundle`,
      'The API server does not trust the webhook, and leaves it out. With cert-manager: does its cainjector run, and is the Certificate foresize-admission Ready? Self-signed: the log of foresize-admission says why.',
    )
  }
  const ends = Math.min(...bundles.map((each) => each.ends ?? Number.NaN))
  const days = Math.floor((ends - nowUnixMs) / dayMs)
  if (ends <= nowUnixMs)
    return admission(
      'fail',
      'tls',
      'the CA in caBundle has expired',
      'Renew it: cert-manager, or a restart of foresize-admission where it signs its own.',
    )
  return ends - nowUnixMs < soonMs
    ? admission(
        'warn',
        'tls',
        `the CA in caBundle ends in ${days} days`,
        'It should have been renewed before: see why not.',
      )
    : admission('ok', 'tls', `the CA in caBundle ends in ${days} days`)
}

/** When the last of its certificates ends: while one CA replaces another there are both. */
function lastsUntil(caBundle: string | undefined): number | undefined {
  const text = Buffer.from(caBundle ?? '', 'base64').toString()
  const pems = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  try {
    const ends = pems.map((pem) => Date.parse(new X509Certificate(pem).validTo))
    return ends.length === 0 ? undefined : Math.max(...ends)
  } catch {
    return undefined
  }
}

/** The certificate that cert-manager keeps for the webhook to serve with. */
export function judgeIssued(namespace: string, { status = {} }: Certificate, nowUnixMs: number): Finding {
  const ready = status.conditions?.find(({ type }) => type === 'Ready')
  const advice = `kubectl -n ${namespace} describe certificate foresize-admission says more.`
  if (ready?.status !== 'True') {
    return admission(
      'fail',
      'tls',
      `its Certificate is not Ready: ${ready?.message ?? 'not issued yet'}`,
      advice,
    )
  }
  const leftMs = Date.parse(status.notAfter ?? '') - nowUnixMs
  const found = `its certificate ends in ${Math.floor(leftMs / dayMs)} days`
  if (leftMs <= 0) return admission('fail', 'tls', 'its certificate has expired', advice)
  return leftMs < soonMs ? admission('warn', 'tls', found, advice) : admission('ok', 'tls', found)
}

export function judgePods(namespace: string, deployment: Deployment | undefined): Finding {
  const advice = `kubectl -n ${namespace} get pods -l app.kubernetes.io/name=foresize-admission says more.`
  if (deployment === undefined)
    return admission(
      'fail',
      'pods',
      `there is no Deployment foresize-admission in ${namespace}`,
      'The configuration is left over, or names another namespace.',
    )
  const { replicas = 1 } = deployment.spec
  const { availableReplicas = 0 } = deployment.status ?? {}
  const found = `${availableReplicas} of ${replicas} available`
  if (availableReplicas === 0) return admission('fail', 'pods', found, advice)
  return availableReplicas < replicas
    ? admission('warn', 'pods', found, advice)
    : admission('ok', 'pods', found)
}

export function judgeNamespaces(namespaces: readonly ObjectMeta[]): Finding {
  if (namespaces.length === 0) {
    return admission(
      'warn',
      'namespaces',
      'none has opted in',
      `kubectl label namespace NAME ${modeLabel}=shadow`,
    )
  }
  const wrong = namespaces.flatMap((each) =>
    namespacePolicyOf(each).violations.map(
      ({ field, description }) => `${each.name}: ${field} ${description}`,
    ),
  )
  if (wrong.length > 0)
    return admission(
      'warn',
      'namespaces',
      wrong.join('; '),
      'What cannot be read counts as off, or as the cautious choice.',
    )
  const modes = Map.groupBy(namespaces, ({ labels }) => labels?.[modeLabel] ?? '')
  return admission(
    'ok',
    'namespaces',
    [...modes].map(([mode, { length }]) => `${length} in mode ${mode}`).join(', '),
  )
}

/** What the webhook wrote to a Pod of a dry run. */
export function judgeAnswer(namespace: string, decision: string | undefined, reason = ''): Finding {
  if (decision === undefined) {
    return admission(
      'fail',
      'reachable',
      `a Pod of a dry run in ${namespace} came back without a decision`,
      'The API server was not answered. Do the Pods run, is the caBundle that of their certificate, and may the API server reach port 8443 of them?',
    )
  }
  return decision === 'unavailable'
    ? admission(
        'warn',
        'reachable',
        `it answers, but the estimator does not answer it: ${reason}`,
        'Are its --estimator, CA and token right? Its log and foresize_admission_estimator_healthy say more.',
      )
    : admission('ok', 'reachable', `it answered a dry run in ${namespace}`)
}

export const missingAgent = (): Finding =>
  agent(
    'warn',
    'configuration',
    'there is no DaemonSet foresize-agent: only what workers report is learned',
    'kubectl apply -k deploy/kubernetes/agent, or set agent.enabled of the chart.',
  )

export function judgeAgent({ metadata: { namespace }, status = {} }: DaemonSet): Finding {
  const { desiredNumberScheduled = 0, numberReady = 0 } = status
  const found = `ready on ${numberReady} of ${desiredNumberScheduled} nodes`
  return numberReady > 0 && numberReady === desiredNumberScheduled
    ? agent('ok', 'pods', found)
    : agent(
        numberReady === 0 ? 'fail' : 'warn',
        'pods',
        found,
        `kubectl -n ${namespace} get pods says more: mostly a Secret foresize-agent-token or a ConfigMap foresize-ca that is not there.`,
      )
}

/** All that the agent does. */
export const agentAccess = ['pods', 'namespaces'].flatMap((resource) =>
  ['list', 'watch'].map((verb) => ({ resource, verb })),
)

export function judgeRights(
  answers: readonly { readonly resource: string; readonly verb: string; readonly allowed: boolean }[],
): Finding {
  const refused = answers.filter(({ allowed }) => !allowed)
  return refused.length === 0
    ? agent('ok', 'access', 'may list and watch Pods and namespaces')
    : agent(
        'fail',
        'access',
        `may not ${refused.map(({ resource, verb }) => `${verb} ${resource}`).join(', ')}`,
        'Is the ClusterRoleBinding foresize-agent there, and of its ServiceAccount and namespace?',
      )
}
