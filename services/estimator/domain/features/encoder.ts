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
}

const maxColumns = 32

export function encoder(): Encoder {
  const columns = new Map<string, number>()
  return {
    encode(features, labels, learn) {
      if (learn)
        for (const name of Object.keys(features).sort())
          if (!columns.has(name) && columns.size < maxColumns) columns.set(name, columns.size)
      const values = new Array<number | undefined>(columns.size).fill(undefined)
      const logs = new Array<number | undefined>(columns.size).fill(undefined)
      for (const [name, column] of columns) {
        const value = features[name]
        if (value === undefined || !Number.isFinite(value)) continue
        values[column] = value
        logs[column] = Math.sign(value) * Math.log1p(Math.abs(value))
      }
      return { values, logs, labels, labelNames: Object.keys(labels).sort() }
    },
  }
}
