import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { version } from '../../../shared/runtime/version.ts'

const root = join(import.meta.dirname, '..', '..', '..')

/** Where the number of package.json has to be written once more, because what reads it there cannot read package.json. */
test.each([
  ['package-lock.json', /^ {2}"version": "(.+)"/gm],
  ...['workers/python', 'integrations/snakemake', 'integrations/airflow', 'integrations/galaxy-tpv'].map(
    (folder) => [`${folder}/pyproject.toml`, /^version = "(.+)"$/gm] as const,
  ),
  ['integrations/nextflow/pom.xml', /^ {2}<version>(.+)<\/version>$/gm],
  ['integrations/nextflow/resources/META-INF/MANIFEST.MF', /^Plugin-Version: (.+)$/gm],
  ['integrations/nextflow/build.sh', /nf-foresize-(\d[\d.]*\d)/g],
  ...['README.md', 'integrations/nextflow/README.md', 'test/schedulers/nextflow/nextflow.config'].map(
    (file) => [file, /nf-foresize@(\d[\d.]*\d)/g] as const,
  ),
  ...['overlays/single-node', 'overlays/production', 'agent'].map(
    (folder) => [`deploy/kubernetes/${folder}/kustomization.yaml`, /newTag: (.+)$/gm] as const,
  ),
  ...['job', 'scheduler-sidecar'].map(
    (name) => [`deploy/kubernetes/examples/${name}.yaml`, /image: foresize:(.+)$/gm] as const,
  ),
  ['docs/kubernetes.md', /foresize(?::|-chart-)(\d[\d.]*\d)/g],
  ['workers/go/README.md', /workers\/go@v(\d[\d.]*\d)/g],
  ['workers/typescript/README.md', /foresize-client-(\d[\d.]*\d)/g],
] as const)('%s has the version of package.json', (file, pattern) => {
  const found = [...readFileSync(join(root, file), 'utf8').matchAll(pattern)].map(([, number]) => number)
  expect(found).not.toEqual([])
  expect(new Set(found)).toEqual(new Set([version]))
})
