import { type Manifest, releaseNamespace } from './layers.ts'
import type { Markers } from './markers.ts'
import type { Parameters, Tree } from './parameters.ts'
import { schemas } from './values.ts'

/** By the group of values that is theirs; the profiler is one of two, by its store. */
export const workloads: Readonly<Record<string, readonly string[]>> = {
  profiler: ['StatefulSet/foresize-profiler', 'Deployment/foresize-profiler'],
  estimator: ['Deployment/foresize-estimator'],
  gateway: ['Deployment/foresize-gateway'],
  admission: ['Deployment/foresize-admission'],
  agent: ['DaemonSet/foresize-agent'],
}

/** Those that are not always there, with what they are. */
const optional: Readonly<Record<string, string>> = {
  gateway: 'HTTP and JSON, and the console.',
  admission: 'The webhook that sizes Pods. Needs the Secret foresize-admission-token.',
  agent:
    'The DaemonSet that measures Pods. Needs the Secret foresize-agent-token and the ConfigMap foresize-ca.',
}

const podOf = ({ spec }: Manifest): Tree => spec.template.spec

const containerOf = (manifest: Manifest): Tree => podOf(manifest)['containers'][0]

/** What whoever runs Pods expects to set, under the same names for each workload. */
export function parameteriseWorkload({ add, named, markers }: Parameters, group: string): void {
  const manifests = (workloads[group] ?? []).map(named)
  const [first] = manifests as [Manifest]
  const asKubernetes = 'As Kubernetes has it.'
  if (optional[group] !== undefined) add(`${group}.enabled`, optional[group], false, schemas.flag)
  const counted = manifests.find(({ kind }) => kind === 'Deployment')?.['spec']
  if (counted !== undefined) {
    const description =
      group in optional
        ? 'How many.'
        : 'How many, where autoscaling does not say; with the store lmdb there is one profiler.'
    add(`${group}.replicas`, description, counted.replicas, schemas.count)
    counted.replicas = markers.scalar(`.Values.${group}.replicas`)
  }
  add(
    `${group}.resources`,
    `${asKubernetes} NODE_OPTIONS bounds the heap: raise it with the memory limit.`,
    containerOf(first)['resources'],
    schemas.tree,
  )
  add(
    `${group}.env`,
    'Further settings, as docs/config.md lists them, and others in place of those that the template has.',
    {},
    schemas.texts,
  )
  add(`${group}.nodeSelector`, asKubernetes, {}, schemas.texts)
  add(`${group}.affinity`, asKubernetes, {}, schemas.tree)
  add(`${group}.tolerations`, asKubernetes, podOf(first)['tolerations'] ?? [], schemas.list)
  for (const manifest of manifests) {
    const [pod, container] = [podOf(manifest), containerOf(manifest)]
    for (const key of ['nodeSelector', 'affinity', 'tolerations']) {
      delete pod[key]
      pod[whereSet(markers, `${group}.${key}`, key)] = null
    }
    pod[whereSet(markers, 'imagePullSecrets', 'imagePullSecrets')] = null
    container['image'] = markers.scalar('include "foresize.image" . | quote')
    const pullPolicy = '{{- with .Values.image.pullPolicy }}\nimagePullPolicy: {{ . }}\n{{- end }}'
    container[markers.line(pullPolicy)] = null
    container['resources'] = markers.block(`.Values.${group}.resources`)
    container['env'] = withSettings(markers, container['env'], group)
  }
}

const whereSet = (markers: Markers, path: string, key: string): string =>
  markers.line(`{{- with .Values.${path} }}\n${key}: {{- toYaml . | nindent INSIDE }}\n{{- end }}`)

/** Plain variables become a dictionary, in which the values' own replace them: a list with one twice would be refused. */
function withSettings(markers: Markers, env: readonly (Tree | string)[], group: string): readonly unknown[] {
  const plain = new Set<Tree | string>()
  // Markers of a condition are before and after what it decides on.
  let isConditional = false
  for (const each of env) {
    if (typeof each === 'string') isConditional = !isConditional
    else if (!isConditional && isPlain(each['value'])) plain.add(each)
  }
  const pairs = [...plain].map((each) => {
    const { name, value } = each as Tree
    return `\n  ${JSON.stringify(name)} ${JSON.stringify(value)}`
  })
  const settings = [
    `{{- $env := dict${pairs.join('')} }}`,
    `{{- range $name, $value := mergeOverwrite $env .Values.${group}.env }}`,
    '- name: {{ $name }}',
    '  value: {{ $value | quote }}',
    '{{- end }}',
  ]
  return [...env.filter((each) => !plain.has(each)), markers.line(settings.join('\n'))]
}

/** No value decides on it, it names no other variable, and no namespace is in it. */
const isPlain = (value: string | undefined) =>
  value !== undefined && !/[@$]|\.foresize\./.test(value) && !value.includes(releaseNamespace)
