import { decisionAnnotations, modeLabel, podAnnotations } from '../../services/kubernetes/domain/names.ts'
import { namespacePolicyOf } from '../../services/kubernetes/domain/namespace-policy.ts'
import type { ObjectMeta, Pod } from '../../services/kubernetes/domain/pod.ts'
import { type Kubectl, KubectlError } from '../kubernetes/kubectl.ts'
import type { Finding } from './findings.ts'
import {
  agentAccess,
  type Certificate,
  type DaemonSet,
  type Deployment,
  judgeAgent,
  judgeAnswer,
  judgeCertificate,
  judgeIssued,
  judgeNamespaces,
  judgePods,
  judgePolicy,
  judgeRights,
  missingAgent,
  missingWebhook,
  unread,
  type WebhookConfiguration,
} from './kubernetes-findings.ts'

const webhookPath = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/foresize-admission'

/** The webhook and the agent, as the API server knows them. */
export async function examineKubernetes(api: Kubectl): Promise<readonly Finding[]> {
  const parts = [
    ['admission', examineWebhook],
    ['agent', examineAgent],
  ] as const
  const found = parts.map(async ([service, examine]) => {
    try {
      return await examine(api)
    } catch (error) {
      if (!(error instanceof KubectlError)) throw error
      return [unread(service, error.message)]
    }
  })
  return (await Promise.all(found)).flat()
}

async function examineWebhook(api: Kubectl): Promise<readonly Finding[]> {
  const configuration = await api.get<WebhookConfiguration>(webhookPath).catch(undefinedIfNotFound)
  if (configuration === undefined) return [missingWebhook()]
  const findings = [judgePolicy(configuration), judgeCertificate(configuration, Date.now())]
  const namespace = configuration.webhooks?.[0]?.clientConfig.service?.namespace
  if (namespace !== undefined) {
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/foresize-admission`
    findings.push(judgePods(namespace, await api.get<Deployment>(path).catch(undefinedIfNotFound)))
    const ofCertManager = `/apis/cert-manager.io/v1/namespaces/${namespace}/certificates/foresize-admission`
    const certificate = await api.get<Certificate>(ofCertManager).catch(undefinedIfNotFound)
    if (certificate !== undefined) findings.push(judgeIssued(namespace, certificate, Date.now()))
  }
  const optedIn = await api.list<{ readonly metadata: ObjectMeta }>('/api/v1/namespaces', {
    labelSelector: modeLabel,
  })
  findings.push(judgeNamespaces(optedIn.map(({ metadata }) => metadata)))
  const first = optedIn.find(({ metadata }) => isAsked(metadata))?.metadata.name
  return first === undefined ? findings : [...findings, await askedFor(api, first)]
}

/** Whether the webhook decides on Pods there, and Pods can be made at all. */
const isAsked = (namespace: ObjectMeta) =>
  namespace.deletionTimestamp === undefined && namespacePolicyOf(namespace).policy.mode !== 'off'

/** A Pod that is never made, as a dry run: what the webhook wrote to it is in the answer. */
async function askedFor(api: Kubectl, namespace: string): Promise<Finding> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods?dryRun=All`
  try {
    const { metadata } = await api.create<Pod>(path, probe)
    const { decision, reason } = decisionAnnotations
    return judgeAnswer(namespace, metadata?.annotations?.[decision], metadata?.annotations?.[reason])
  } catch (error) {
    if (!(error instanceof KubectlError)) throw error
    return unread('admission', `a dry run in ${namespace} was refused: ${error.message}`)
  }
}

const probe = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'foresize-doctor',
    annotations: { [podAnnotations.task]: 'foresize-doctor', [podAnnotations.mode]: 'shadow' },
  },
  spec: {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    // What Pod Security "restricted" asks for.
    securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'probe',
        image: 'none',
        resources: { requests: { cpu: '1m', memory: '1Mi' }, limits: { cpu: '1m', memory: '1Mi' } },
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
  },
}

async function examineAgent(api: Kubectl): Promise<readonly Finding[]> {
  const [found] = await api.list<DaemonSet>('/apis/apps/v1/daemonsets', {
    labelSelector: 'app.kubernetes.io/name=foresize-agent',
  })
  if (found === undefined) return [missingAgent()]
  const { namespace = '' } = found.metadata
  const account = found.spec.template.spec.serviceAccountName ?? 'default'
  const answers = await Promise.all(
    agentAccess.map(async (resourceAttributes) => {
      const review = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { user: `system:serviceaccount:${namespace}:${account}`, resourceAttributes },
      }
      const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews'
      const { status } = await api.create<{ readonly status: { readonly allowed: boolean } }>(path, review)
      return { ...resourceAttributes, allowed: status.allowed }
    }),
  )
  return [judgeAgent(found), judgeRights(answers)]
}

function undefinedIfNotFound(error: unknown): undefined {
  if (!(error instanceof KubectlError && error.reason === 'NotFound')) throw error
}
