// Makes the Helm chart of the kustomize tree: node scripts/chart/main.ts FOLDER (docs/decisions/0050).
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { version } from '../../shared/runtime/version.ts'
import { type Manifest, type Templated, templatedObjects } from './layers.ts'
import { createMarkers } from './markers.ts'
import { merged } from './merged.ts'
import { parameterise } from './parameters.ts'
import { valuesFile, valuesSchema } from './values.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) {
  process.stderr.write('usage: node scripts/chart/main.ts FOLDER\n')
  process.exit(2)
}

const markers = createMarkers()
const objects = templatedObjects().map((each): Templated => {
  const { manifest, changed } = structuredClone(each)
  if (changed === undefined) return { ...each, manifest }
  return { ...each, manifest: merged(markers, changed.when, manifest, changed.manifest) as Manifest }
})
const values = parameterise(objects, markers)

rmSync(folder, { recursive: true, force: true })
mkdirSync(join(folder, 'templates'), { recursive: true })
for (const [file, own] of Map.groupBy(objects, (each) => each.file)) {
  writeFileSync(join(folder, 'templates', `${file}.yaml`), own.map(templateOf).join(''))
}
const chart = join(import.meta.dirname, '..', '..', 'deploy', 'helm')
cpSync(join(chart, 'NOTES.txt'), join(folder, 'templates', 'NOTES.txt'))
cpSync(join(chart, '_image.tpl'), join(folder, 'templates', '_image.tpl'))
writeFileSync(join(folder, 'values.yaml'), valuesFile(values))
writeFileSync(join(folder, 'values.schema.json'), `${JSON.stringify(valuesSchema(values), null, 2)}\n`)
writeFileSync(
  join(folder, 'Chart.yaml'),
  `apiVersion: v2
name: foresize
description: Sizes tasks before they run
type: application
version: ${version}
appVersion: ${JSON.stringify(version)}
kubeVersion: ">=1.32.0-0"
`,
)

function templateOf({ conditions, manifest }: Templated): string {
  const text = `---\n${markers.text(manifest)}`
  if (conditions.length === 0) return text
  const condition = conditions.length === 1 ? conditions[0] : `and ${conditions.map(parenthesised).join(' ')}`
  return `{{- if ${condition} }}\n${text}{{- end }}\n`
}

function parenthesised(condition: string): string {
  return condition.includes(' ') ? `(${condition})` : condition
}
