import { type NamesSeen, namesSeen, observeNames } from './names-seen.ts'

/**
 * An execution or a query as numbers: one column per numeric feature, in order of first appearance.
 * Unit: `values` raw, `logs` ln(1 + |v|) with the sign of v; undefined where the feature is absent.
 * Law: a point depends only on the executions encoded before it and on itself.
 */
export interface Point {
  readonly values: readonly (number | undefined)[]
  readonly logs: readonly (number | undefined)[]
  readonly labels: Readonly<Record<string, string>>
  /** Of the labels, in order. */
  readonly labelNames: readonly string[]
}

export interface Encoder {
  /** Encodes and, with `learn`, gives unseen features a column of their own (at most 32). */
  encode(
    features: Readonly<Record<string, number>>,
    labels: Readonly<Record<string, string>>,
    learn: boolean,
  ): Point
  /** Columns by the name of their feature, in order. */
  readonly columns: ReadonlyMap<string, number>
  /** Of the executions encoded with `learn`. */
  readonly features: NamesSeen
  readonly labels: NamesSeen
}

const maxColumns = 32

/** ln(1 + value), and the same below 0. */
export const logOf = (value: number): number => Math.sign(value) * Math.log1p(Math.abs(value))

/** In order. Mostly they are, and to see that costs a fraction of sorting them. */
function namesOf(of: Readonly<Record<string, unknown>>): readonly string[] {
  const names = Object.keys(of)
  for (let i = 1; i < names.length; i++)
    if ((names[i - 1] as string) > (names[i] as string)) return names.sort()
  return names
}

export function encoder(): Encoder {
  const columns = new Map<string, number>()
  const seen = { features: namesSeen(), labels: namesSeen() }
  return {
    columns,
    ...seen,
    encode(features, labels, learn) {
      const labelNames = namesOf(labels)
      if (learn) {
        const names = namesOf(features)
        for (const name of names)
          if (!columns.has(name) && columns.size < maxColumns) columns.set(name, columns.size)
        observeNames(seen.features, names)
        observeNames(seen.labels, labelNames)
      }
      const values = new Array<number | undefined>(columns.size).fill(undefined)
      const logs = new Array<number | undefined>(columns.size).fill(undefined)
      for (const [name, column] of columns) {
        const value = features[name]
        if (value === undefined || !Number.isFinite(value)) continue
        values[column] = value
        logs[column] = logOf(value)
      }
      return { values, logs, labels, labelNames }
    },
  }
}
