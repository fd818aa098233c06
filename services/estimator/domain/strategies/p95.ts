import type { Strategy } from './strategy.ts'

/** 95th percentile of the retained executions, linear between order statistics (Hyndman & Fan type 7). */
export const p95: Strategy = {
  describe: '95th percentile of the need',
  ignoresPoint: true,
  start: () => {
    const sorted: number[] = []
    return {
      observe(_point, need) {
        let i = sorted.length
        sorted.push(need)
        for (; i > 0 && (sorted[i - 1] ?? 0) > need; i--) sorted[i] = sorted[i - 1] ?? 0
        sorted[i] = need
      },
      predict() {
        if (sorted.length === 0) return undefined
        const at = (sorted.length - 1) * 0.95
        const i = Math.floor(at)
        const low = sorted[i] ?? 0
        return low + ((sorted[i + 1] ?? low) - low) * (at - i)
      },
    }
  },
}
