import { parseBytes, parseNumber } from '../../../cli/quantity.ts'
import type { TypicalQuery } from '../../domain/features.ts'
import type { Query } from '../../domain/query.ts'

/** Names in the address: `f.input_bytes=5GB`, `l.tool=bwa`, `requested=4GiB`. */
export const featureParam = (name: string) => `f.${name}`
export const labelParam = (name: string) => `l.${name}`
export const requestedParam = 'requested'

export interface Asked {
  readonly query: Query
  /** Fields of the form that cannot be read, with why. */
  readonly problems: Readonly<Record<string, string>>
}

/** What the address asks, over what a typical execution had. */
export function askedOf(
  key: { readonly namespace: string; readonly task: string },
  typical: TypicalQuery,
  params: readonly (readonly [string, string])[],
): Asked {
  const features = { ...typical.features }
  const labels = { ...typical.labels }
  const problems: Record<string, string> = {}
  let memoryBytes: number | undefined
  for (const [param, text] of params) {
    if (param.startsWith('f.')) {
      const value = parseNumber(text)
      if (value === undefined) problems[param] = `${text} is no number: write 5e9 or 5GB`
      else features[param.slice(2)] = value
    } else if (param.startsWith('l.')) {
      labels[param.slice(2)] = text
    } else if (param === requestedParam) {
      memoryBytes = parseBytes(text)
      if (memoryBytes === undefined) problems[param] = `${text} is no amount of memory: write 4GiB`
    }
  }
  const requested = memoryBytes === undefined ? {} : { requested: { memoryBytes } }
  return { query: { task: key, features, labels, ...requested }, problems }
}

/** As a person writes it: round numbers of bytes with their unit, others as they are. */
export function written(name: string, value: number): string {
  if (!/(^|_)bytes$/.test(name)) return String(Number(value.toPrecision(6)))
  const [size, unit] = [
    [1e12, 'TB'],
    [1e9, 'GB'],
    [1e6, 'MB'],
    [1e3, 'kB'],
  ].find(([each]) => value >= (each as number)) ?? [1, '']
  return `${Number((value / (size as number)).toPrecision(4))}${unit}`
}
