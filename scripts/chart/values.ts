import { Document, isMap, type YAMLMap } from 'yaml'

/** What whoever installs the chart may set. */
export interface ChartValue {
  /** `profiler.resources` */
  readonly path: string
  readonly description: string
  readonly value: unknown
  /** JSON schema. */
  readonly schema: object
}

export const schemas = {
  text: { type: 'string' },
  flag: { type: 'boolean' },
  count: { type: 'integer', minimum: 1 },
  tree: { type: 'object' },
  texts: { type: 'object', additionalProperties: { type: 'string' } },
  list: { type: 'array' },
  oneOf: (...words: readonly string[]) => ({ enum: words }),
} as const

/** `values.yaml`: every value with what it says. */
export function valuesFile(values: readonly ChartValue[]): string {
  const document = new Document({})
  for (const { path, value } of values) document.setIn(path.split('.'), document.createNode(value))
  for (const { path, description } of values) {
    const keys = path.split('.')
    const parent = document.getIn(keys.slice(0, -1)) as YAMLMap
    const { items } = isMap(parent) ? parent : (document.contents as unknown as YAMLMap)
    const pair = items.find(({ key }) => String(key) === keys.at(-1))
    if (pair === undefined) continue
    const key = document.createNode(keys.at(-1))
    key.commentBefore = ` ${description}`
    pair.key = key
  }
  return document.toString({ lineWidth: 0 })
}

interface ObjectSchema {
  readonly type: 'object'
  readonly additionalProperties: false
  readonly properties: Record<string, ObjectSchema | object>
}

const objectSchema = (): ObjectSchema => ({ type: 'object', additionalProperties: false, properties: {} })

/** `values.schema.json`: Helm refuses a value that there is not, or one of another type, by its name. */
export function valuesSchema(values: readonly ChartValue[]): object {
  const root = objectSchema()
  // Helm's own, for charts that have this one as a part.
  root.properties['global'] = { type: 'object' }
  for (const { path, schema } of values) {
    const keys = path.split('.')
    let at = root
    for (const key of keys.slice(0, -1)) {
      at.properties[key] ??= objectSchema()
      at = at.properties[key] as ObjectSchema
    }
    at.properties[keys.at(-1) ?? ''] = schema
  }
  return { $schema: 'http://json-schema.org/draft-07/schema#', title: 'Values of foresize', ...root }
}
