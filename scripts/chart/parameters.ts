import { type Manifest, releaseNamespace, type Templated } from './layers.ts'
import type { Markers } from './markers.ts'
import { type ChartValue, schemas } from './values.ts'

// biome-ignore lint/suspicious/noExplicitAny: any field of a manifest
type Tree = Record<string, any>

/** Workloads, by the group of values that is theirs. */
const workloads: Readonly<Record<string, readonly string[]>> = {
  profiler: ['StatefulSet/foresize-profiler', 'Deployment/foresize-profiler'],
  estimator: ['Deployment/foresize-estimator'],
  gateway: ['Deployment/foresize-gateway'],
  admission: ['Deployment/foresize-admission'],
  agent: ['DaemonSet/foresize-agent'],
}

const agentNamespace = 'foresize-agent'

/** Puts the chart's values where they belong in the objects; their defaults are what stood there. Changes the objects. */
export function parameterise(objects: readonly Templated[], markers: Markers): readonly ChartValue[] {
  const values: ChartValue[] = []
  const all = new Map<string, Manifest>(
    objects.map(({ manifest }) => [`${manifest.kind}/${manifest.metadata.name}`, manifest]),
  )
  const named = (key: string): Manifest => {
    const found = all.get(key)
    if (found === undefined) throw new Error(`there is no ${key}`)
    return found
  }
  const add = (path: string, description: string, value: unknown, schema: object) => {
    values.push({ path, description, value, schema })
  }
  const optional = (path: string, key: string) =>
    markers.line(`{{- with .Values.${path} }}\n${key}: {{- toYaml . | nindent INSIDE }}\n{{- end }}`)

  image()
  store()
  add(
    'tls.certManager',
    'Certificates by cert-manager. Without it make the Secrets foresize-*-tls; the webhook signs its own.',
    true,
    schemas.flag,
  )
  for (const [group, keys] of Object.entries(workloads)) workload(group, keys.map(named))
  autoscaling()
  monitoring()
  namespaces()
  return values

  function image(): void {
    add('image.repository', 'Your registry and name of the image.', 'foresize', schemas.text)
    add('image.tag', "Its tag; empty: the chart's version.", '', schemas.text)
    add('image.digest', 'Its digest, sha256:…, in place of a tag.', '', schemas.text)
    add(
      'image.pullPolicy',
      'As Kubernetes has it; empty: its default.',
      '',
      schemas.oneOf('', 'Always', 'IfNotPresent', 'Never'),
    )
    add('imagePullSecrets', 'Of every Pod: [{ name: … }].', [], schemas.list)
  }

  function store(): void {
    add(
      'store',
      'Where profiles are: lmdb, one profiler with a volume; redis, several with a Redis of yours.',
      'lmdb',
      schemas.oneOf('lmdb', 'redis'),
    )
    const env: readonly Tree[] = containerOf(named('Deployment/foresize-profiler'))['env']
    const ofRedis = (name: string) =>
      env.find((each) => each['name'] === `FORESIZE_PROFILER_REDIS_${name}`) as Tree
    add('redis.nodes', 'host:port of Redis, several with commas.', ofRedis('NODES')['value'], schemas.text)
    ofRedis('NODES')['value'] = markers.scalar('.Values.redis.nodes | quote')
    add(
      'redis.tls',
      'Whether it is spoken to over TLS: set it where it is beyond the namespace.',
      ofRedis('TLS')['value'] === 'true',
      schemas.flag,
    )
    ofRedis('TLS')['value'] = markers.scalar('.Values.redis.tls | quote')
    const { spec } = named('NetworkPolicy/foresize-profiler-to-redis')
    add(
      'redis.egress',
      'Where the profilers may go for it, as a NetworkPolicy says it.',
      spec.egress,
      schemas.list,
    )
    spec.egress = markers.block('.Values.redis.egress')
    const { spec: claim } = named('StatefulSet/foresize-profiler')['spec'].volumeClaimTemplates[0]
    add(
      'profiler.storage.size',
      'Volume of profiles, with the store lmdb.',
      claim.resources.requests.storage,
      schemas.text,
    )
    claim.resources.requests.storage = markers.scalar('.Values.profiler.storage.size | quote')
    add('profiler.storage.className', "Its StorageClass; empty: the cluster's default.", '', schemas.text)
    claim[
      markers.line(
        '{{- with .Values.profiler.storage.className }}\nstorageClassName: {{ . | quote }}\n{{- end }}',
      )
    ] = null
  }

  function workload(group: string, manifests: readonly Manifest[]): void {
    const counted = manifests.filter(({ kind }) => kind === 'Deployment')
    if (group !== 'profiler' && group !== 'estimator') {
      add(`${group}.enabled`, enabledDescriptions[group] ?? '', false, schemas.flag)
    }
    for (const { spec } of counted) {
      add(
        `${group}.replicas`,
        'How many; with store redis, autoscaling decides that of profiler and estimator.',
        spec.replicas,
        schemas.count,
      )
      spec.replicas = markers.scalar(`.Values.${group}.replicas`)
    }
    const [first] = manifests
    const { resources } = containerOf(first as Manifest)
    add(
      `${group}.resources`,
      'As Kubernetes has it. NODE_OPTIONS bounds the heap: raise it with the memory limit.',
      resources,
      schemas.tree,
    )
    add(
      `${group}.env`,
      'Further settings, as docs/config.md lists them, and others in place of those that the template has.',
      {},
      schemas.texts,
    )
    add(`${group}.nodeSelector`, 'As Kubernetes has it.', {}, schemas.texts)
    add(`${group}.affinity`, 'As Kubernetes has it.', {}, schemas.tree)
    add(
      `${group}.tolerations`,
      'As Kubernetes has it.',
      podOf(first as Manifest)['tolerations'] ?? [],
      schemas.list,
    )
    for (const manifest of manifests) {
      const [pod, container] = [podOf(manifest), containerOf(manifest)]
      for (const key of ['nodeSelector', 'affinity', 'tolerations']) {
        delete pod[key]
        pod[optional(`${group}.${key}`, key)] = null
      }
      pod[optional('imagePullSecrets', 'imagePullSecrets')] = null
      container['image'] = markers.scalar('include "foresize.image" . | quote')
      container[markers.line('{{- with .Values.image.pullPolicy }}\nimagePullPolicy: {{ . }}\n{{- end }}')] =
        null
      container['resources'] = markers.block(`.Values.${group}.resources`)
      container['env'] = withSettings(container['env'], group)
    }
  }

  /** Plain variables become a dictionary, in which the values' own replace them: a list with one twice would be refused. */
  function withSettings(env: readonly (Tree | string)[], group: string): readonly unknown[] {
    const isPlain = (each: Tree | string, i: number): each is Tree => {
      const markersBefore = env.slice(0, i).filter((other) => typeof other === 'string').length
      const isConditional = markersBefore % 2 === 1
      return typeof each !== 'string' && !isConditional && isFixed(each['value'])
    }
    const plain = env.filter(isPlain)
    const pairs = plain.map(({ name, value }) => `\n  ${JSON.stringify(name)} ${JSON.stringify(value)}`)
    const settings = [
      `{{- $env := dict${pairs.join('')} }}`,
      `{{- range $name, $value := mergeOverwrite $env .Values.${group}.env }}`,
      '- name: {{ $name }}',
      '  value: {{ $value | quote }}',
      '{{- end }}',
    ]
    return [...env.filter((each) => !(plain as unknown[]).includes(each)), markers.line(settings.join('\n'))]
  }

  function autoscaling(): void {
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
      for (const bound of ['minReplicas', 'maxReplicas']) {
        const path = `autoscaling.${group}.${bound}`
        add(
          path,
          bound === 'minReplicas' ? 'At least; a drain takes one at a time.' : 'At most.',
          spec[bound],
          schemas.count,
        )
        spec[bound] = markers.scalar(`.Values.${path}`)
      }
      budget.minAvailable = markers.scalar(`sub .Values.autoscaling.${group}.minReplicas 1`)
    }
  }

  function monitoring(): void {
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
    for (const { manifest } of objects) {
      if (!manifest.apiVersion.startsWith('monitoring.coreos.com/')) continue
      const metadata = manifest.metadata as Tree
      metadata['labels'][
        markers.line('{{- with .Values.monitoring.labels }}\n{{- toYaml . | nindent INDENT }}\n{{- end }}')
      ] = null
    }
  }

  function namespaces(): void {
    add(
      'agent.namespace',
      'Of the agent: its Pods have a volume of the host, which Pod Security "restricted" forbids.',
      agentNamespace,
      schemas.text,
    )
    const replaced: readonly (readonly [key: RegExp, text: string, expression: string])[] = [
      [/^namespace$/, releaseNamespace, '.Release.Namespace'],
      [/^namespace$/, agentNamespace, '.Values.agent.namespace'],
      [/^kubernetes\.io\/metadata\.name$/, 'monitoring', '.Values.monitoring.namespace'],
      [/^kubernetes\.io\/metadata\.name$/, 'foresize', '.Release.Namespace'],
    ]
    for (const { manifest } of objects) {
      changeTexts(manifest, (text, key) => {
        const found = replaced.find(([ofKey, whole]) => ofKey.test(key) && whole === text)
        if (found !== undefined) return markers.scalar(`${found[2]} | quote`)
        return text
          .replaceAll(releaseNamespace, markers.part('{{ .Release.Namespace }}'))
          .replaceAll(
            'foresize-profiler.foresize.svc',
            `foresize-profiler.${markers.part('{{ .Release.Namespace }}')}.svc`,
          )
      })
    }
  }
}

const enabledDescriptions: Readonly<Record<string, string>> = {
  gateway: 'HTTP and JSON, and the console.',
  admission: 'The webhook that sizes Pods. Needs the Secret foresize-admission-token.',
  agent:
    'The DaemonSet that measures Pods. Needs the Secret foresize-agent-token and the ConfigMap foresize-ca.',
}

const podOf = ({ spec }: Manifest): Tree => spec.template.spec

const containerOf = (manifest: Manifest): Tree => podOf(manifest)['containers'][0]

/** No template decides on it, no other variable, and no namespace is in it. */
const isFixed = (value: string | undefined) =>
  value !== undefined && !/[@$]|\.foresize\./.test(value) && !value.includes(releaseNamespace)

function changeTexts(tree: Tree, change: (text: string, key: string) => string): void {
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === 'string') tree[key] = change(value, key)
    else if (typeof value === 'object' && value !== null) changeTexts(value, change)
  }
}
