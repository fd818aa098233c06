import { nextflow } from './nextflow.ts'
import type { Scheduler } from './scheduler.ts'
import { slurm } from './slurm.ts'
import { snakemake } from './snakemake.ts'

export const schedulers: readonly Scheduler[] = [slurm, nextflow, snakemake]
