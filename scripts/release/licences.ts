// Lists what is shipped under which licence: licences.ts FILE SBOM…. Fails where a component names none.
import { readFileSync, writeFileSync } from 'node:fs'

interface Component {
  readonly name: string
  readonly group?: string
  readonly version: string
  readonly licenses?: readonly {
    readonly expression?: string
    readonly license?: { id?: string; name?: string }
  }[]
}

const [file = '', ...sboms] = process.argv.slice(2)
const components = sboms.flatMap(
  (sbom) =>
    (JSON.parse(readFileSync(sbom, 'utf8')) as { readonly components: readonly Component[] }).components,
)
const rows = components.map(({ group, name, version, licenses = [] }) => {
  const named = licenses.map(({ expression, license }) => expression ?? license?.id ?? license?.name ?? '')
  return {
    what: `${group ? `${group}/` : ''}${name} ${version}`,
    licence: named.filter(Boolean).join(' AND '),
  }
})
const unnamed = rows.filter(({ licence }) => licence === '')
if (unnamed.length > 0) throw new Error(`without a licence: ${unnamed.map(({ what }) => what).join(', ')}`)
writeFileSync(file, [...new Set(rows.map(({ what, licence }) => `${what}: ${licence}\n`))].sort().join(''))
