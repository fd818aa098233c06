/** Running means and centred sums of one regression per column (Welford). */
export interface Sums {
  n: number
  mx: number
  my: number
  sxx: number
  sxy: number
}

export interface Regressions {
  observe(xs: readonly number[], y: number): void
  at(column: number): Sums | undefined
}

export function regressions(): Regressions {
  const columns: Sums[] = []
  return {
    observe(xs, y) {
      for (let c = 0; c < xs.length; c++) {
        while (columns.length <= c) columns.push({ n: 0, mx: 0, my: 0, sxx: 0, sxy: 0 })
        const x = xs[c] ?? Number.NaN
        const m = columns[c]
        if (!m || Number.isNaN(x)) continue
        m.n++
        const dx = x - m.mx
        m.mx += dx / m.n
        m.my += (y - m.my) / m.n
        m.sxx += dx * (x - m.mx)
        m.sxy += dx * (y - m.my)
      }
    },
    at: (column) => columns[column],
  }
}
