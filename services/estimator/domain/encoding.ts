/**
 * Executions and queries as points: one column per numeric feature, in order of first appearance.
 * Unit: `values` raw, `logs` ln(1 + |v|) with the sign of v; NaN = the feature is absent.
 * Law: a point depends only on the executions encoded before it and on itself.
 */
export interface Point {
  readonly values: readonly number[]
  readonly logs: readonly number[]
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
      const values = new Array<number>(columns.size).fill(Number.NaN)
      const logs = new Array<number>(columns.size).fill(Number.NaN)
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

/**
 * Which column tells most about the need: the largest |correlation| of ln(1+feature) with ln(need), shrunk by n/(n+2).
 * Law: incremental equals batch, for the same order.
 */
export interface Relevance {
  observe(point: Point, need: number): void
  /** Column, or −1 while none tells anything. */
  readonly best: () => number
}

interface Moments {
  n: number
  mx: number
  my: number
  sxx: number
  sxy: number
  syy: number
}

export function relevance(): Relevance {
  const columns: Moments[] = []
  let best = -1
  return {
    observe(point, need) {
      const y = Math.log(need)
      for (let c = 0; c < point.logs.length; c++) {
        const x = point.logs[c] ?? Number.NaN
        if (Number.isNaN(x)) continue
        let m = columns[c]
        while (!m) {
          columns.push({ n: 0, mx: 0, my: 0, sxx: 0, sxy: 0, syy: 0 })
          m = columns[c]
        }
        m.n++
        const dx = x - m.mx
        const dy = y - m.my
        m.mx += dx / m.n
        m.my += dy / m.n
        m.sxx += dx * (x - m.mx)
        m.sxy += dx * (y - m.my)
        m.syy += dy * (y - m.my)
      }
      best = mostTelling(columns)
    },
    best: () => best,
  }
}

function mostTelling(columns: readonly Moments[]): number {
  let best = -1
  let score = -1
  for (const [c, { n, sxx, sxy, syy }] of columns.entries()) {
    if (n < 1) continue
    const r = sxx > 1e-12 && syy > 1e-12 ? (sxy * sxy) / (sxx * syy) : 0
    const s = (r * n) / (n + 2)
    if (s > score + 0.05) {
      score = s
      best = c
    }
  }
  return best
}

/** Which label tells most about the need: the share of the variance of ln(need) between its values, adjusted for their number. */
export interface LabelRelevance {
  observe(point: Pick<Point, 'labels' | 'labelNames'>, need: number): void
  readonly best: () => string | undefined
}

interface Groups {
  n: number
  mean: number
  square: number
  within: number
  readonly values: Map<string, { n: number; mean: number; square: number }>
}

const maxLabels = 16
const leastExplained = 0.1

export function labelRelevance(threshold = leastExplained): LabelRelevance {
  const keys = new Map<string, Groups>()
  let best: string | undefined
  return {
    observe({ labels, labelNames }, need) {
      const y = Math.log(need)
      for (const key of labelNames) {
        let g = keys.get(key)
        if (!g) {
          if (keys.size >= maxLabels) continue
          g = { n: 0, mean: 0, square: 0, within: 0, values: new Map() }
          keys.set(key, g)
        }
        g.n++
        const d = y - g.mean
        g.mean += d / g.n
        g.square += d * (y - g.mean)
        const value = labels[key] as string
        let v = g.values.get(value)
        if (!v) {
          v = { n: 0, mean: 0, square: 0 }
          g.values.set(value, v)
        }
        v.n++
        const e = y - v.mean
        v.mean += e / v.n
        g.within += e * (y - v.mean)
      }
      best = mostExplaining(keys, threshold)
    },
    best: () => best,
  }
}

function mostExplaining(keys: ReadonlyMap<string, Groups>, threshold: number): string | undefined {
  let best: string | undefined
  let score = threshold
  for (const [key, { n, square, within, values }] of keys) {
    const free = n - values.size
    if (values.size < 2 || free < 3 || !(square > 1e-9)) continue
    const s = 1 - within / free / (square / (n - 1))
    if (s > score + 0.02) {
      score = s
      best = key
    }
  }
  return best
}
