import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { parseAllDocuments } from 'yaml'

const run = promisify(execFile)

export const projectRoot = join(import.meta.dirname, '..', '..')
export const deployFolder = join(projectRoot, 'deploy')

// biome-ignore lint/suspicious/noExplicitAny: a manifest is any JSON until it was validated
export type Manifest = Readonly<Record<string, any>> & {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> }
}

/** The source of what a container starts, after the options of Node itself. */
export function programOf({ args = [] }: { readonly args?: readonly string[] | undefined }): string {
  const program = args.find((each) => !each.startsWith('-')) ?? ''
  return join(projectRoot, program.replace(/\.js$/, '.ts'))
}

export function parseManifests(text: string): readonly Manifest[] {
  return parseAllDocuments(text).map((document) => {
    const [problem] = [...document.errors, ...document.warnings]
    if (problem !== undefined) throw problem
    return document.toJS() as Manifest
  })
}

export async function readManifests(file: string): Promise<readonly Manifest[]> {
  return parseManifests(await readFile(join(deployFolder, file), 'utf8'))
}

/** What `kustomize build` makes of a folder under deploy/. */
export async function renderOverlay(folder: string): Promise<readonly Manifest[]> {
  const kustomize = join(projectRoot, '.foresize', 'bin', 'kustomize')
  const { stdout } = await run(kustomize, ['build', join(deployFolder, folder)], { maxBuffer: 16e6 })
  return parseManifests(stdout)
}

/** The same of an overlay with further components, as a user's own kustomization would add them. */
export const renderWith = (overlay: string, ...components: readonly string[]) =>
  renderIn('foresize', overlay, ...components)

/** The same in a namespace of the user's choice. */
export async function renderIn(
  namespace: string,
  overlay: string,
  ...components: readonly string[]
): Promise<readonly Manifest[]> {
  const scratch = join(projectRoot, '.foresize')
  await mkdir(scratch, { recursive: true })
  const folder = await mkdtemp(join(scratch, 'kustomization-'))
  const deploy = '../../deploy/kubernetes'
  const lines = [
    'apiVersion: kustomize.config.k8s.io/v1beta1',
    'kind: Kustomization',
    `resources: [${deploy}/overlays/${overlay}]`,
    `components: [${components.map((component) => `${deploy}/components/${component}`).join(', ')}]`,
    `namespace: ${namespace}`,
    `transformers: [${deploy}/transformers/service-names]`,
    'images: [{ name: foresize, newTag: 0.1.0 }]',
  ]
  try {
    await writeFile(join(folder, 'kustomization.yaml'), lines.join('\n'))
    return await renderOverlay(relative(deployFolder, folder))
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** The package that knows a kind: its types and its validator. */
function moduleOf({ apiVersion, kind }: Manifest): string {
  const [group = '', version] = apiVersion.split('/')
  const place = version === undefined ? group : `${group}/${version}`
  if (group.endsWith('cert-manager.io')) return `@kubernetes-models/cert-manager/${place}/${kind}`
  if (group === 'monitoring.coreos.com') return `@kubernetes-models/prometheus-operator/${place}/${kind}`
  return `kubernetes-models/${place}/${kind}`
}

interface Model {
  validate(): void
}

/**
 * What is wrong with manifests by the schemas of Kubernetes, cert-manager and the Prometheus operator: types, formats,
 * required fields, and fields that there are not. The schemas allow unknown fields, the API server in strict mode does
 * not: each manifest is also written as a literal of its kind's type, and the compiler looks for what is too much.
 */
export async function violationsOf(manifests: readonly Manifest[]): Promise<readonly string[]> {
  const violations: string[] = []
  for (const manifest of manifests) {
    const models = (await import(moduleOf(manifest))) as Readonly<
      Record<string, new (data: unknown) => Model>
    >
    const Kind = models[manifest.kind]
    if (Kind === undefined) throw new Error(`no model of ${manifest.apiVersion} ${manifest.kind}`)
    try {
      new Kind(manifest).validate()
    } catch (error) {
      violations.push(`${manifest.kind}/${manifest.metadata.name}: ${String(error)}`)
    }
  }
  return [...violations, ...(await excessOf(manifests))]
}

async function excessOf(manifests: readonly Manifest[]): Promise<readonly string[]> {
  const scratch = join(projectRoot, '.foresize')
  await mkdir(scratch, { recursive: true })
  const folder = await mkdtemp(join(scratch, 'manifests-'))
  const source = manifests.map((manifest, i) => {
    const literal = JSON.stringify(manifest, undefined, 1)
    return `import type { I${manifest.kind} as T${i} } from '${moduleOf(manifest)}'\nexport const m${i}: T${i} = ${literal}\n`
  })
  const config = {
    extends: '../../tsconfig.json',
    compilerOptions: { noEmit: true, exactOptionalPropertyTypes: false },
    include: ['*.ts'],
  }
  try {
    await writeFile(join(folder, 'manifests.ts'), source.join('\n'))
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
    await run(join(projectRoot, 'node_modules', '.bin', 'tsc'), ['-p', folder], { maxBuffer: 16e6 })
    return []
  } catch (error) {
    const { stdout } = error as { readonly stdout?: string }
    if (stdout === undefined) throw error
    return stdout.split('\n').filter((line) => line.includes('error TS'))
  } finally {
    await rm(folder, { recursive: true })
  }
}
