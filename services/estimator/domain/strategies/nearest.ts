import type { Point } from '../encoding.ts'
import type { Setting } from '../strategy.ts'

/** Retained executions by distance in the most telling feature, |Δ ln(1+x)|; of equals the latest comes first. */
export interface Nearest {
  observe(point: Point, need: number): void
  /** At most k neighbours, the nearest first. */
  find(point: Point, k: number): readonly Neighbour[]
}

export interface Neighbour {
  need: number
  distance: number
}

export function nearest(setting: Setting): Nearest {
  const points: (readonly number[])[] = []
  const needs: number[] = []
  return {
    observe(point, need) {
      points.push(point.logs)
      needs.push(need)
    },
    find(point, k) {
      const c = setting.primary()
      const x = point.logs[c] ?? Number.NaN
      if (Number.isNaN(x)) return []
      const found: Neighbour[] = []
      for (let i = points.length - 1; i >= 0; i--) {
        const distance = Math.abs((points[i]?.[c] ?? Number.NaN) - x)
        const last = found[found.length - 1]
        if (Number.isNaN(distance) || (found.length === k && last && distance >= last.distance)) continue
        let j = found.length < k ? found.push({ need: 0, distance: 0 }) - 1 : k - 1
        for (; j > 0 && (found[j - 1]?.distance ?? 0) > distance; j--) found[j] = found[j - 1] as Neighbour
        found[j] = { need: needs[i] ?? 0, distance }
      }
      return found
    },
  }
}
