import type { Markers } from './markers.ts'

type Tree = Readonly<Record<string, unknown>>

const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)

/** Items that Kubernetes tells apart by their name. */
const isNamed = (value: unknown): value is readonly Tree[] =>
  Array.isArray(value) && value.every((each) => isTree(each) && typeof each['name'] === 'string')

/** One tree of two: where they differ, `when` decides between them. */
export function merged(markers: Markers, when: string, otherwise: unknown, changed: unknown): unknown {
  if (isSame(otherwise, changed)) return otherwise
  if (isTree(otherwise) && isTree(changed)) return mergedTrees(markers, when, otherwise, changed)
  if (isNamed(otherwise) && isNamed(changed)) return mergedLists(markers, when, otherwise, changed)
  if (typeof otherwise === 'object' || typeof changed === 'object') {
    throw new Error(`cannot be merged: ${JSON.stringify(otherwise)} and ${JSON.stringify(changed)}`)
  }
  return markers.scalar(`ternary ${JSON.stringify(changed)} ${JSON.stringify(otherwise)} (${when})`)
}

function mergedTrees(markers: Markers, when: string, otherwise: Tree, changed: Tree): Tree {
  const tree: Record<string, unknown> = {}
  for (const key of new Set([...Object.keys(otherwise), ...Object.keys(changed)])) {
    if (key in otherwise && key in changed) {
      tree[key] = merged(markers, when, otherwise[key], changed[key])
      continue
    }
    tree[markers.line(key in changed ? `{{- if ${when} }}` : `{{- if not (${when}) }}`)] = null
    tree[key] = changed[key] ?? otherwise[key]
    tree[markers.line('{{- end }}')] = null
  }
  return tree
}

function mergedLists(
  markers: Markers,
  when: string,
  otherwise: readonly Tree[],
  changed: readonly Tree[],
): readonly unknown[] {
  const withName = (list: readonly Tree[], { name }: Tree) => list.find((each) => each['name'] === name)
  const items: unknown[] = []
  for (const item of [...changed, ...otherwise.filter((each) => withName(changed, each) === undefined)]) {
    const [before, after] = [withName(otherwise, item), withName(changed, item)]
    if (before !== undefined && after !== undefined) {
      items.push(merged(markers, when, before, after))
      continue
    }
    items.push(markers.line(after === undefined ? `{{- if not (${when}) }}` : `{{- if ${when} }}`))
    items.push(item, markers.line('{{- end }}'))
  }
  return items
}
