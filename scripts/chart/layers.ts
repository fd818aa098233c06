import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseAllDocuments } from 'yaml'

const root = join(import.meta.dirname, '..', '..')
const tree = join(root, 'deploy', 'kubernetes')

// biome-ignore lint/suspicious/noExplicitAny: a manifest is any JSON
export type Manifest = Record<string, any> & {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
}

/** Stands for the namespace of the release until it is a template. */
export const releaseNamespace = 'the-namespace-of-the-release'

/** What of the kustomize tree a condition of the chart's values switches on. */
export interface Layer {
  /** The template's file. */
  readonly name: string
  /** A condition of Helm's templates; none where it is always there. */
  readonly when?: string
  /** Of the base; undefined for the agent, which is apart. */
  readonly components: readonly string[] | undefined
  /** The components that it comes on top of; undefined where it stands for itself. */
  readonly over?: readonly string[]
}

const isLmdb = 'eq .Values.store "lmdb"'
const isScaled = 'and (eq .Values.store "redis") .Values.autoscaling.enabled'
const signsItself = 'and .Values.admission.enabled (not .Values.tls.certManager)'

export const layers: readonly Layer[] = [
  { name: 'services', components: [] },
  { name: 'store-lmdb', when: isLmdb, components: ['lmdb'], over: [] },
  { name: 'store-redis', when: 'eq .Values.store "redis"', components: ['redis'], over: [] },
  { name: 'autoscaling', when: isScaled, components: ['redis', 'scale'], over: ['redis'] },
  { name: 'certificates', when: '.Values.tls.certManager', components: ['cert-manager'], over: [] },
  { name: 'monitoring', when: '.Values.monitoring.enabled', components: ['../../observability'], over: [] },
  { name: 'gateway', when: '.Values.gateway.enabled', components: ['gateway'], over: [] },
  { name: 'admission', when: '.Values.admission.enabled', components: ['admission'], over: [] },
  {
    name: 'admission-self-signed',
    when: signsItself,
    components: ['admission', 'admission-self-signed'],
    over: ['admission'],
  },
  { name: 'agent', when: '.Values.agent.enabled', components: undefined },
]

/** Objects of these groups are there only where the cluster knows them. */
const groups: Readonly<Record<string, string>> = {
  'cert-manager.io': '.Values.tls.certManager',
  'monitoring.coreos.com': '.Values.monitoring.enabled',
}

/** An object of the chart: how it is, when it is there, and how it is where a further layer changes it. */
export interface Templated {
  readonly file: string
  readonly conditions: readonly string[]
  readonly manifest: Manifest
  readonly changed?: { readonly when: string; readonly manifest: Manifest }
}

/** Every object of the tree once. Throws where two layers change the same one: that is not foreseen. */
export function templatedObjects(): readonly Templated[] {
  const rendered = new Map<string, ReadonlyMap<string, Manifest>>()
  const render = (components: readonly string[] | undefined) => {
    const key = String(components)
    const known = rendered.get(key) ?? byKey(build(components))
    rendered.set(key, known)
    return known
  }
  const objects = new Map<string, Templated>()
  for (const { name, when = '', components, over } of layers) {
    const before = over === undefined ? new Map<string, Manifest>() : render(over)
    const after = render(components)
    for (const [key, manifest] of after) {
      const known = objects.get(key)
      if (known === undefined)
        objects.set(key, { file: name, conditions: conditionsOf(manifest, when), manifest })
      else if (JSON.stringify(before.get(key)) !== JSON.stringify(manifest)) {
        objects.set(key, changedBy(known, when, manifest))
      }
    }
    for (const key of before.keys()) {
      const known = objects.get(key)
      if (after.has(key) || known === undefined) continue
      objects.set(key, { ...known, conditions: [...known.conditions, `not (${when})`] })
    }
  }
  // A chart makes no namespaces: the release's own has to be there before it.
  return [...objects.values()].filter(({ manifest }) => manifest.kind !== 'Namespace')
}

/** Both stores change the same Service, each for itself: the first is the form otherwise. */
function changedBy(known: Templated, when: string, manifest: Manifest): Templated {
  if (known.changed === undefined) return { ...known, changed: { when, manifest } }
  if (known.changed.when !== isLmdb) {
    throw new Error(`two layers change ${manifest.kind}/${manifest.metadata.name}`)
  }
  return { ...known, manifest: known.changed.manifest, changed: { when, manifest } }
}

const conditionsOf = ({ apiVersion }: Manifest, when: string): readonly string[] => {
  const ofGroup = groups[apiVersion.split('/')[0] ?? '']
  return [...new Set([when, ofGroup])].filter((each) => each !== undefined && each !== '') as string[]
}

const byKey = (manifests: readonly Manifest[]) =>
  new Map(manifests.map((each) => [`${each.apiVersion}/${each.kind}/${each.metadata.name}`, each]))

/** What kustomize makes of the base with components, in the namespace that stands for the release's; or of the agent. */
function build(components: readonly string[] | undefined): readonly Manifest[] {
  if (components === undefined) return kustomize(join(tree, 'agent'))
  mkdirSync(join(root, '.foresize'), { recursive: true })
  const folder = mkdtempSync(join(root, '.foresize', 'chart-'))
  const from = (path: string) => relative(folder, join(tree, path))
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    namespace: releaseNamespace,
    resources: [from('base')],
    components: components.map((each) => from(join('components', each))),
    transformers: [from('transformers/service-names')],
  }
  try {
    writeFileSync(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization))
    return kustomize(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function kustomize(folder: string): readonly Manifest[] {
  const text = execFileSync('kustomize', ['build', folder], { encoding: 'utf8', maxBuffer: 16e6 })
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest)
}
