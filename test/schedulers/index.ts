import type { Scheduler } from './scheduler.ts'
import { slurm } from './slurm.ts'

export const schedulers: readonly Scheduler[] = [slurm]
