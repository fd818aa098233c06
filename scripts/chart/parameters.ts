import { type Manifest, releaseNamespace, type Templated } from './layers.ts'
import type { Markers } from './markers.ts'
import { type ChartValue, schemas } from './values.ts'
import { parameteriseWorkload, workloads } from './workload-parameters.ts'

// biome-ignore lint/suspicious/noExplicitAny: any field of a manifest
export type Tree = Record<string, any>

/** What puts values into the objects of the chart. */
export interface Parameters {
  readonly objects: readonly Templated[]
  readonly markers: Markers
  /** By kind and name. Throws where there is none. */
  named(key: string): Manifest
  /** A value that the chart has; `value` is its default. */
  add(path: string, description: string, value: unknown, schema: object): void
}

/** Puts the chart's values where they belong in the objects; their defaults are what stood there. Changes the objects. */
export function parameterise(objects: readonly Templated[], markers: Markers): readonly ChartValue[] {
  const values: ChartValue[] = []
  const all = new Map<string, Manifest>(
    objects.map(({ manifest }) => [`${manifest.kind}/${manifest.metadata.name}`, manifest]),
  )
  const parameters: Parameters = {
    objects,
    markers,
    named(key) {
      const found = all.get(key)
      if (found === undefined) throw new Error(`there is no ${key}`)
      return found
    },
    add: (path, description, value, schema) => void values.push({ path, description, value, schema }),
  }
  addImage(parameters)
  parameteriseStore(parameters)
  parameters.add(
    'tls.certManager',
    'Certificates by cert-manager. Without it make the Secrets foresize-*-tls; the webhook signs its own.',
    true,
    schemas.flag,
  )
  for (const group of Object.keys(workloads)) parameteriseWorkload(parameters, group)
  parameteriseAutoscaling(parameters)
  parameteriseMonitoring(parameters)
  parameteriseNamespaces(parameters)
  return values
}

function addImage({ add }: Parameters): void {
  const pullPolicies = schemas.oneOf('', 'Always', 'IfNotPresent', 'Never')
  add('image.repository', 'Your registry and name of the image.', 'foresize', schemas.text)
  add('image.tag', "Its tag; empty: the chart's version.", '', schemas.text)
  add('image.digest', 'Its digest, sha256:…, in place of a tag.', '', schemas.text)
  add('image.pullPolicy', 'As Kubernetes has it; empty: its default.', '', pullPolicies)
  add('imagePullSecrets', 'Of every Pod: [{ name: … }].', [], schemas.list)
}

function parameteriseStore({ add, named, markers }: Parameters): void {
  const stores = schemas.oneOf('lmdb', 'redis')
  add(
    'store',
    'Where profiles are: lmdb, one profiler with a volume; redis, several with a Redis of yours.',
    'lmdb',
    stores,
  )

  const env: readonly Tree[] = named('Deployment/foresize-profiler')['spec'].template.spec.containers[0].env
  const setting = (name: string) => env.find((each) => each['name'] === `FORESIZE_PROFILER_${name}`) as Tree
  const [nodes, tls] = [setting('REDIS_NODES'), setting('REDIS_TLS')]
  add('redis.nodes', 'host:port of Redis, several with commas.', nodes['value'], schemas.text)
  nodes['value'] = markers.scalar('.Values.redis.nodes | quote')
  add(
    'redis.tls',
    'Whether it is spoken to over TLS: set it where it is beyond the namespace.',
    tls['value'] === 'true',
    schemas.flag,
  )
  tls['value'] = markers.scalar('.Values.redis.tls | quote')
  const { spec: policy } = named('NetworkPolicy/foresize-profiler-to-redis')
  add(
    'redis.egress',
    'Where the profilers may go for it, as a NetworkPolicy says it.',
    policy.egress,
    schemas.list,
  )
  policy.egress = markers.block('.Values.redis.egress')

  const { spec: claim } = named('StatefulSet/foresize-profiler')['spec'].volumeClaimTemplates[0]
  const { requests } = claim.resources
  add('profiler.storage.size', 'Volume of profiles, with the store lmdb.', requests.storage, schemas.text)
  requests.storage = markers.scalar('.Values.profiler.storage.size | quote')
  add('profiler.storage.className', "Its StorageClass; empty: the cluster's default.", '', schemas.text)
  const className =
    '{{- with .Values.profiler.storage.className }}\nstorageClassName: {{ . | quote }}\n{{- end }}'
  claim[markers.line(className)] = null
}

function parameteriseAutoscaling({ add, named, markers }: Parameters): void {
  add(
    'autoscaling.enabled',
    'By CPU; needs metrics of the cluster. Of the store redis alone.',
    true,
    schemas.flag,
  )
  for (const group of ['profiler', 'estimator']) {
    const { spec } = named(`HorizontalPodAutoscaler/foresize-${group}`)
    const { spec: budget } = named(`PodDisruptionBudget/foresize-${group}`)
    if (budget.minAvailable !== spec.minReplicas - 1)
      throw new Error(`the budget of ${group} is not one below its replicas`)
    const of = `autoscaling.${group}`
    add(`${of}.minReplicas`, 'At least; a drain takes one at a time.', spec.minReplicas, schemas.count)
    add(`${of}.maxReplicas`, 'At most.', spec.maxReplicas, schemas.count)
    spec.minReplicas = markers.scalar(`.Values.${of}.minReplicas`)
    spec.maxReplicas = markers.scalar(`.Values.${of}.maxReplicas`)
    budget.minAvailable = markers.scalar(`sub .Values.${of}.minReplicas 1`)
  }
}

function parameteriseMonitoring({ add, markers, objects }: Parameters): void {
  add(
    'monitoring.enabled',
    'ServiceMonitors, alerts and a dashboard; needs the Prometheus operator.',
    false,
    schemas.flag,
  )
  add(
    'monitoring.labels',
    'Further labels of ServiceMonitors and PrometheusRules, by which your Prometheus selects them.',
    {},
    schemas.texts,
  )
  add('monitoring.namespace', 'Of your Prometheus: NetworkPolicies let it in.', 'monitoring', schemas.text)
  const labels = '{{- with .Values.monitoring.labels }}\n{{- toYaml . | nindent INDENT }}\n{{- end }}'
  for (const { manifest } of objects) {
    if (!manifest.apiVersion.startsWith('monitoring.coreos.com/')) continue
    const metadata: Tree = manifest.metadata
    metadata['labels'][markers.line(labels)] = null
  }
}

const agentNamespace = 'foresize-agent'

/** Whole texts of these keys that name a namespace. */
const namespaces: readonly (readonly [key: string, text: string, expression: string])[] = [
  ['namespace', releaseNamespace, '.Release.Namespace'],
  ['namespace', agentNamespace, '.Values.agent.namespace'],
  ['kubernetes.io/metadata.name', 'monitoring', '.Values.monitoring.namespace'],
  ['kubernetes.io/metadata.name', 'foresize', '.Release.Namespace'],
]

function parameteriseNamespaces({ add, markers, objects }: Parameters): void {
  add(
    'agent.namespace',
    'Of the agent: its Pods have a volume of the host, which Pod Security "restricted" forbids.',
    agentNamespace,
    schemas.text,
  )
  const release = markers.part('{{ .Release.Namespace }}')
  const templateOf = (text: string, key: string): string => {
    const [, , expression] = namespaces.find(([ofKey, whole]) => ofKey === key && whole === text) ?? []
    if (expression !== undefined) return markers.scalar(`${expression} | quote`)
    return text
      .replaceAll(releaseNamespace, release)
      .replaceAll('foresize-profiler.foresize.svc', `foresize-profiler.${release}.svc`)
  }
  for (const { manifest } of objects) changeTexts(manifest, templateOf)
}

function changeTexts(tree: Tree, change: (text: string, key: string) => string): void {
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === 'string') tree[key] = change(value, key)
    else if (typeof value === 'object' && value !== null) changeTexts(value, change)
  }
}
