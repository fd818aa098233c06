import { stringify } from 'yaml'

/**
 * Text of templates within YAML: a marker is a string that stands for it in the tree, and becomes it in the text. A value
 * of its own is a whole scalar, `replicas: {{ … }}`; a line of its own is a key or an item of a list, `{{- if … }}`; else it
 * is part of a text.
 */
export interface Markers {
  scalar(expression: string): string
  /** A structure below its key, by toYaml. */
  block(expression: string): string
  part(template: string): string
  /** `template` in place of a key or an item. In it, INDENT is how far that is indented, INSIDE what is below it. */
  line(template: string): string
  /** The YAML of a tree with the templates in it. */
  text(tree: unknown): string
}

type Kind = 'scalar' | 'block' | 'part' | 'line'

export function createMarkers(): Markers {
  const templates: { readonly kind: Kind; readonly template: string }[] = []
  const add = (kind: Kind) => (template: string) => `@@${templates.push({ kind, template }) - 1}@@`
  const part = add('part')

  /** What Helm would take for a template of the chart's is text: of Prometheus, of Grafana. */
  const escaped = (value: unknown): unknown => {
    if (typeof value === 'string') {
      return value.replaceAll(/\{\{|\}\}/g, (braces) => part(`{{ "${braces}" }}`))
    }
    if (Array.isArray(value)) return value.map(escaped)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, escaped(each)]))
  }

  function lineOf(line: string): string {
    const [, indent = '', own] = /^( *)(?:- )?"?@@(\d+)@@"?(?:: null)?$/.exec(line) ?? []
    const alone = own === undefined ? undefined : templates[Number(own)]
    if (alone?.kind === 'line') {
      const { template } = alone
      return template
        .replaceAll('INDENT', String(indent.length))
        .replaceAll('INSIDE', String(indent.length + 2))
        .replaceAll(/^(?=.)/gm, indent)
    }
    return line.replaceAll(/"@@(\d+)@@"|@@(\d+)@@/g, (_, whole?: string, within?: string) => {
      const { kind, template } = templates[Number(whole ?? within)] as { kind: Kind; template: string }
      if (kind === 'scalar') return `{{ ${template} }}`
      if (kind === 'block') return `{{- toYaml ${template} | nindent ${indentOf(line) + 2} }}`
      return whole === undefined ? template : `"${template}"`
    })
  }

  return {
    scalar: add('scalar'),
    block: add('block'),
    part,
    line: add('line'),
    text: (tree) => stringify(escaped(tree), { lineWidth: 0 }).split('\n').map(lineOf).join('\n'),
  }
}

const indentOf = (line: string) => /^ */.exec(line)?.[0].length ?? 0
