import type { Dimension } from './resources.ts'

/**
 * How too small an allocation hurts: `kill` = the execution dies and is run again (memory, disk, GPU memory);
 * `throttle` = it runs slower (CPU); `none` = nothing is allocated (duration: the estimate is the median).
 */
export const shortfall = {
  cpuCores: 'throttle',
  memoryBytes: 'kill',
  diskBytes: 'kill',
  gpuMemoryBytes: 'kill',
  durationMs: 'none',
} as const satisfies Record<Dimension, 'kill' | 'throttle' | 'none'>
