import type { Dimension } from '../../../../shared/domain/resources.ts'

/** What tasks need at all: half of them less than the median; `scale` is of the logarithm, log-logistic. */
export interface Population {
  readonly median: number
  readonly scale: number
}

/**
 * Of a task of which nothing is known. A little more than on the traces, where 4 GB suffice for 85 % of the tasks: the next
 * installation is none of them.
 */
export const populations = {
  cpuCores: { median: 0.8, scale: 0.6 },
  memoryBytes: { median: 5e8, scale: 1.75 },
  diskBytes: { median: 1e9, scale: 1.75 },
  gpuMemoryBytes: { median: 4e9, scale: 1.75 },
  durationMs: { median: 60_000, scale: 1.75 },
} as const satisfies Record<Dimension, Population>

/** The share of tasks that need more than `amount`. */
export const shareAbove = ({ median, scale }: Population, amount: number): number =>
  1 / (1 + (amount / median) ** (1 / scale))
